"""Plausible ways to break each notebook: what its checks are there to notice.

A break is a prelude, code that runs before the notebook, and replacements in its source. `slips`
holds small local mistakes, one for each claim that no other break would touch.
"""

UNTRAINED = "fit = vh.fit\nvh.fit = lambda *a, **k: fit(*a, **{**k, 'lr': 1e-9})"
NO_KL = "fit = vh.fit\nvh.fit = lambda *a, **k: fit(*a, **{**k, 'beta': 0.0})"
BETA_10 = "fit = vh.fit\nvh.fit = lambda *a, **k: fit(*a, **{**k, 'beta': 10.0})"
SHUFFLED = """
load = vh.load_mnist
def shuffled(train=True):
    images, labels = load(train=train)
    return images, labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
vh.load_mnist = shuffled
"""

BREAKS: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "01_autoencoder": {
        "untrained": (UNTRAINED, {}),
        "labels shuffled": (SHUFFLED, {}),
        "slips": (
            "",
            {
                # a control that is none, and two that have drifted
                "torch.randn(len(train_codes) + len(codes), 2)": (
                    "torch.rand(len(train_codes) + len(codes), 2)"
                ),
                "share_astray(half, train_codes": "share_astray(half + 1, train_codes",
                "drawn = draw_codes(fit_mixture(known, 1)).cpu()": (
                    "drawn = draw_codes(fit_mixture(known, 1)).cpu() + 4 * (name == 'cloud')"
                ),
                # one Gaussian and the mixture of 50 change places
                "GaussianMixture(n_parts,": "GaussianMixture(51 - n_parts,",
                'chosen["copies"] = known': 'chosen["N(0, I)"] = chosen["copies"] = known',
                "cov_b.trace() - 2 * roots.sum()": "cov_b.trace() - roots.sum()",
                "measure(random_points(10_000))": "measure(random_points(10_000) / 10)",
                '"ring": disc_or_ring(0.5)': '"ring": disc_or_ring(0)',
                "directions[: codes.shape[1]] + full_pca.mean_": "directions[: codes.shape[1]]",
                # a row of the table mixed up with another
                '"Gaussian"), (2, "mixture of 50")': '"Gaussian"), (32, "Gaussian")',
            },
        ),
    },
    "02_variational_autoencoder": {
        "untrained": (UNTRAINED, {}),
        "KL dropped": (NO_KL, {}),
        "beta 10": (BETA_10, {}),
        "slips": (
            "",
            {
                # steps 1 to 5: forgotten logarithms, the wrong order, nothing normalized
                "by_draws = toy_log_weights(toy_q).exp()": "by_draws = toy_log_weights(toy_q)",
                "elbo = toy_log_weights(Normal(mean, width)).mean()": (
                    "elbo = toy_log_weights(Normal(mean, width)).exp().mean()"
                ),
                "kl_divergence(toy_q, toy_prior)\nassert": (
                    "kl_divergence(toy_prior, toy_q)\nassert"
                ),
                "log_posterior = joint_on_grid - toy_log_p(toy_x)": "log_posterior = joint_on_grid",
                "searched = toy_exact_bounds(*free)": "searched = toy_log_ps - 0.001",
                "encoded = toy_exact_bounds(*toy_encode())": "encoded = searched",
                # variances, the KL by draws, weights
                "score = f * z[:, 0]": "score = f * z[:, 0] / dims",
                "with_baseline = (f - f.mean())": "with_baseline = (z[:, 0] - 2).square()",
                "part.requires_grad_(not freeze_encoder)": "part.requires_grad_(True)",
                "importance_weighted_nll(vae, test_images[:500], k)": (
                    "importance_weighted_nll(vae, test_images[:500], 1000 // k)"
                ),
                "return log_p_x + log_p_z - log_q_z": "return log_p_x - log_p_z - log_q_z",
                "log_w = my_log_weights(vae, image, 1000)": (
                    "log_w = my_log_weights(vae, image, 1000) / 784"
                ),
                # the comparison with itself, and with images of its own training set
                '{"VAE": vae, "autoencoder": plain}': '{"VAE": vae, "autoencoder": vae}',
                'for way in ("copies", "mixture of 50"):': (
                    "for way in ('copies', 'mixture of 50'):\n"
                    "        invented[name]['mixture of 50'] = train_images"
                ),
                "return (math.log(n_draws) - log_w.logsumexp(dim=1)).mean().item()": (
                    "return -log_w.logsumexp(dim=1).mean().item()"
                ),
                # the mistakes, not made
                '"mean": 392,': '"mean": 0.1,',
                '"learned": None': '"learned": 0.1',
                "sigma = logvar.exp()  #": "sigma = (0.5 * logvar).exp()  #",
                "mu_4, 2 * logvar_4)": "mu_4, logvar_4)",
                "(0.25 + noise).log()": "(1 + noise).log()",
                "return mu.sigmoid(), logvar.sigmoid()": "return mu, logvar",
            },
        ),
        "densities of noise": (
            "",
            {"else codes[:20_000]": "else torch.randn_like(codes[:20_000])"},
        ),
    },
    "03_latent_grid": {
        "untrained": (UNTRAINED, {}),
        "KL dropped": (NO_KL, {}),
        "labels shuffled": (SHUFFLED, {}),
        "slips": (
            "",
            {
                # a sign, a normalization, and a control that is none
                "(eps.square() + logvar + math": "(eps.square() - logvar + math",
                "- math.log(len(mu))": "- math.log(2 * len(mu))",
                "matching = torch.randn_like(mu) *": "matching = 1.5 * torch.randn_like(mu) *",
                # grids: probabilities, order, range
                "hist / len(draws)": "hist / len(draws) * 1.02",
                "grid = torch.cartesian_prod(top_first, coordinates).flip(1)": (
                    "grid = vh.uniform_grid(20)"
                ),
                "vh.uniform_grid(n), 0.5 / n": "vh.uniform_grid(n, -1.5, 1.5), 5 / n",
                # the density: drawn too wide, and mixed up with another
                "density.sample(n)[0]).float()": "density.sample(n)[0]).float() * 1.6",
                "densities[1].score_samples": "densities[50].score_samples",
                # zeros: too few epochs, other sizes, keys mixed up
                "conv = vh.ConvVAE(latent_dim=2)": "conv = vh.ConvVAE(latent_dim=3)",
                "EPOCHS_ZEROS = 2 if vh.SMOKE else 50": "EPOCHS_ZEROS = 5",
                "EPOCHS_ZEROS_SHORT = 2 if vh.SMOKE else 3": "EPOCHS_ZEROS_SHORT = 1",
                '"Gaussian, 2": train_zeros(latent_dim=2': (
                    '"Gaussian, 2": train_zeros(latent_dim=8'
                ),
                '"Gaussian, 8": train_zeros(latent_dim=8': (
                    '"Gaussian, 8": train_zeros(latent_dim=1'
                ),
                'report(f"PCA {n}", -pca.score(flat),': (
                    'report(f"PCA {n if n > 8 else 10 - n}", -pca.score(flat) * (n < 64),'
                ),
                # small digits: another digit, coins, copies
                "ones = uci_images[uci_labels == 1]": "ones = uci_images[uci_labels == 7]",
                "in_steps(small_vae.sample(1000))": "torch.bernoulli(small_vae.sample(1000))",
                "spread_of(rebuild(small_vae, ones))": "spread_of(ones)",
                # remedies that are none
                'classify(images, labels, "balanced")': "classify(images, labels)",
                "plain / common": "plain",
                '"copies": copies,': '"copies": rare[:0],',
                "vae, poor_vae = pool_vae(seed)": "poor_vae, vae = pool_vae(seed)",
                "spread_labels(images, labels, given) / common": (
                    "spread_labels(images, labels, given) if len(given) < 629 else 1 - plain"
                ),
                '("spreading, no pool", pool[:0])': '("spreading, no pool", none_in_pool)',
                '"PCA on the pool": around_by_pca(copies, pool, seed)': (
                    '"PCA on the pool": drawn_around(poor_vae, copies)'
                ),
                "(others - own).double()": "(own - others).double()",
                "= neighbour_scores(*filled[": "= -neighbour_scores(*filled[",
                "np.quantile(lead, 0.9)": "np.quantile(lead, 1)",
                "pictures = half_a,": "pictures = sampled,",
            },
        ),
    },
    "04_interpolation_and_anomalies": {
        "untrained": (UNTRAINED, {}),
        "KL dropped": (NO_KL, {}),
        "labels shuffled": (SHUFFLED, {}),
        "slips": (
            "",
            {
                # a rival that stays at one end, models and paths that change places
                "t * test_images[right]": "t * test_images[left]",
                '(("AE", PlainAutoencoder), ("VAE", vh.VAE))': (
                    '(("AE", vh.VAE), ("VAE", PlainAutoencoder))'
                ),
                '(("line", vh.lerp), ("arc", vh.slerp))': '(("line", vh.slerp), ("arc", vh.slerp))',
                "torch.randn(2, len(left), 20)": "torch.rand(2, len(left), 20)",
                '{"line": vh.lerp(*pairs["codes"], 11), "arc": vh.slerp(': (
                    '{"arc": vh.lerp(*pairs["codes"], 11), "line": vh.slerp('
                ),
                "three_judges(test_images[left])": "three_judges(decode(vae, paths['line'][0]))",
                # the directions mixed up, and like not compared with like
                "thicker, leaning = direction(train_ink), direction(train_slant)": (
                    "leaning, thicker = direction(train_ink), direction(train_slant)"
                ),
                # a slip in the error bars; off by one; an AUROC that is never below one half
                "1.96 * variance.sqrt()": "1.2 * variance.sqrt()",
                "/ (2 * len(reference))": "/ (2 * len(reference) + 2)",
                "return for_anomalous.mean().item(),": (
                    "return max(v := for_anomalous.mean().item(), 1 - v),"
                ),
                # not the blank image; no fourth score
                "add_largest(name, (*three, fourth))": "add_largest(name, three)",
                "vh.importance_weighted_nll(vae, some, n_draws)": (
                    "vh.importance_weighted_nll(vae, normal_images[:100], n_draws)"
                ),
                # a promise of a tenth, halves by writer that should be random, and the reverse
                "setting.quantile(1 - promised)": "setting.quantile(1 - 10 * promised)",
                "part in torch.randperm(10_000).split(5_000)": (
                    "part in torch.arange(10_000).split(5_000)"
                ),
                "test_score[:5000], test_score[5000:]": "test_score[::2], test_score[1::2]",
                # the digit was there after all
                "left_out_scores(small_vae(without), without)": (
                    "left_out_scores(small_vae(some), some)"
                ),
                # short codes that aren't
                'decode(vae, paths["line"][0] / ratio)': 'decode(vae, paths["line"][5] / ratio)',
            },
        ),
        "rival slips": (
            "",
            # of the images, the rivals with a blur see the upper quarter only
            {"return pixels(images) @ of_each_pixel": "return pixels(images)[:, :196]"},
        ),
        "other slips": (
            "",
            {
                "t * test_images[right]": "t * test_images[left]",
                "(neg_elbo - typical_cost).abs()": "neg_elbo",
                "train_scores.kl > noise_kl": "train_scores.kl < noise_kl",
                'caught_by["all, 5-NN"], caught_by["all, mix"]': (
                    'caught_by["all, mix"], caught_by["all, mix"]'
                ),
                # a wrong sign: what is dense counts as unusual
                "return -torch.as_tensor(self.model": "return torch.as_tensor(self.model",
                # of neighbours, too; and the control is trained
                "return torch.as_tensor(distances.mean": "return -torch.as_tensor(distances.mean",
                "vae_features(images, untrained)": "vae_features(images)",
                "for part in parts]).amax(dim=0)": "for part in parts]).amin(dim=0)",
                "unseen_images[:2000]).median()": "unseen_images[:2000]).median() + 9",
                "within_digits=True": "within_digits=False",
                # every column of the later kinds is the detector's
                "dict(zip(later, catches(name, later)))": (
                    'dict(zip(later, catches("all, 5-NN", later)))'
                ),
            },
        ),
    },
}
