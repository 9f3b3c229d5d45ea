import re

import pytest

from unipose.inference.loading import load


@pytest.mark.parametrize("device", [0, None, [0]])
def test_a_device_is_named(device):
    with pytest.raises(
        ValueError, match=re.escape(f"a device is cpu, cuda, or one of several as cuda:0; got {device!r}")
    ):
        load(device=device)
