"""Training in a notebook: a progress bar that vanishes, and a stop button that works."""

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.filterwarnings("ignore")  # the client's own, about transports

SETUP = "import torch, vae_helpers as vh\nx = torch.rand(640, 1, 28, 28).round()"


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--log-level=ERROR"])
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel, code, interrupt_at_first_output=False):
    """Execute code; returns the reply's status and what was displayed, in order."""
    manager, client = kernel
    request = client.execute(code)
    shown = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            shown.append(content["text"])
        if kind in ("display_data", "update_display_data"):
            shown.append(content["data"])
            if interrupt_at_first_output and any(shown):
                interrupt_at_first_output = False
                manager.interrupt_kernel()
        if kind == "status" and content["execution_state"] == "idle":
            return client.get_shell_msg(timeout=60)["content"]["status"], shown


def test_progress_bar_comes_and_goes(kernel):
    status, shown = run(kernel, f"{SETUP}\n_ = vh.fit(vh.VAE(), x, epochs=30, seed=0)")
    assert status == "ok"
    assert "training" in str(shown)
    assert shown[-1] == {}, "the bar should leave nothing behind"


def test_stop_button_returns_the_history_so_far(kernel):
    code = f"{SETUP}\nhistory = vh.fit(vh.VAE(), x, epochs=100_000, seed=0)"
    status, shown = run(kernel, code, interrupt_at_first_output=True)
    assert status == "ok", "no traceback"
    assert shown[-1] == {}
    _, shown = run(kernel, "print(history.interrupted, history.note)")
    assert "".join(shown).startswith("True interrupted in epoch ")


def test_explorer_hears_of_a_move(kernel):
    """As a front end does it: move the point by message, and read it in Python."""
    client = kernel[1]
    code = "import vae_helpers as vh\ne = vh.latent_explorer(vh.VAE((1, 8, 8), (16,), 2))\ne"
    request, opened = client.execute(code), {}
    while True:
        message = client.get_iopub_msg(timeout=60)
        content = message["content"]
        if message["msg_type"] == "comm_open":
            opened[content["data"]["state"]["_model_name"]] = content["comm_id"]
        if message["msg_type"] == "execute_result":
            assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(content["data"])
        if content.get("execution_state") == "idle" and (
            message["parent_header"].get("msg_id") == request
        ):
            break
    data = {"method": "update", "state": {"z": [0.25, -1.5]}, "buffer_paths": []}
    content = {"comm_id": opened["AnyModel"], "data": data}
    client.shell_channel.send(client.session.msg("comm_msg", content))
    _, shown = run(kernel, "print(e.z.tolist(), tuple(e.image.shape))")
    assert "".join(filter(lambda text: isinstance(text, str), shown)) == (
        "[[0.25, -1.5]] (1, 1, 8, 8)\n"
    )
