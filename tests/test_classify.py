import pytest
import torch

from vae_helpers import class_probabilities, load_mnist, train_classifier


@pytest.fixture(scope="module")
def judge(mnist):
    return train_classifier(mnist[0][:20_000], mnist[1][:20_000])


def test_classifier_knows_digits_it_has_not_seen(judge):
    images, labels = load_mnist(train=False)
    probabilities = class_probabilities(judge, images)
    assert probabilities.shape == (10_000, 10)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(10_000), check_dtype=False)
    assert (probabilities.argmax(dim=1) == labels).float().mean() > 0.93


def test_same_seed_same_judge(mnist):
    x, y = mnist[0][:1000], mnist[1][:1000]
    one, two = (class_probabilities(train_classifier(x, y, seed=3), x) for _ in range(2))
    assert torch.equal(one, two)


def test_labels_must_match():
    with pytest.raises(ValueError, match=r"labels must have shape \(5,\).*got \(4,\)"):
        train_classifier(torch.rand(5, 1, 8, 8), torch.zeros(4))


def test_images_are_checked(judge):
    with pytest.raises(ValueError, match="images"):
        class_probabilities(judge, torch.rand(5, 784))
