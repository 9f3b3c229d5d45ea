import pytest

from unipose.datasets.records import RecordSet, read_records
from unipose.datasets.synthetic.images import draw_sample


@pytest.fixture(scope="package")
def drawn(tmp_path_factory) -> tuple[RecordSet, RecordSet]:
    return tuple(read_records(path) for path in draw_sample(tmp_path_factory.mktemp("sample"), count=10, figures=(1,)))
