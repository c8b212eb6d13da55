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
                "hist / len(draws)": "hist / len(draws) * 1.02",
                "grid = torch.cartesian_prod(top_first, coordinates).flip(1)": (
                    "grid = vh.uniform_grid(20)"
                ),
                "ones = uci_images[uci_labels == 1]": "ones = uci_images[uci_labels == 7]",
                'for name, extra in (("copies", copies),': (
                    'for name, extra in (("copies", copies[:0]),'
                ),
                "conv = vh.ConvVAE(latent_dim=2)": "conv = vh.ConvVAE(latent_dim=3)",
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
                # not the ranks, not the blank image
                "stack([v.argsort().argsort()": "stack([v.argsort()",
                "vh.importance_weighted_nll(vae, everything[kind][:200], n_draws)": (
                    "vh.importance_weighted_nll(vae, normal_images[:200], n_draws)"
                ),
                # a promise of a tenth, halves by writer that should be random, and the reverse
                "setting.quantile(1 - promised)": "setting.quantile(1 - 10 * promised)",
                "part in torch.randperm(10_000).split(5_000)": (
                    "part in torch.arange(10_000).split(5_000)"
                ),
                "test_score[:5000], test_score[5000:]": "test_score[::2], test_score[1::2]",
                # the digit was there after all
                "small_vae(pool[pool_labels != digit])": "control",
            },
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
                "return -torch.as_tensor(self.mixture.score": (
                    "return torch.as_tensor(self.mixture.score"
                ),
                # the best of neighbours are the farthest, and the control is trained
                "topk(5, largest=False).values.mean(dim=1)\n": "topk(5).values.mean(dim=1)\n",
                "vae_features(images, untrained)": "vae_features(images)",
                'scores["pixels"]["digits"].median()': 'scores["pixels"]["digits"].median() + 9',
                "within_digits=True": "within_digits=False",
                '("-ELBO", "all, 5-NN")]': '("all, 5-NN", "-ELBO")]',
            },
        ),
    },
}
