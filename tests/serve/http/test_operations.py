import threading
from concurrent.futures import ThreadPoolExecutor

from tests.support.ramp_app import Reader, assert_problem, form, serving


def test_ready_from_start_to_stop(spec):
    with serving(Reader(spec)) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/healthz").json() == {"status": "ok"}
    assert_problem(client.get("/readyz"), 503)
    assert_problem(client.post("/pose", **form()), 503)


def test_health_answers_while_the_model_is_busy(spec):
    class Slow(Reader):
        gate = threading.Event()

        def run(self, batch):
            assert self.gate.wait(20)
            return super().run(batch)

    Slow.gate.set()
    with serving(Slow(spec)) as client, ThreadPoolExecutor(1) as pool:
        Slow.gate.clear()
        pose = pool.submit(client.post, "/pose", **form())
        try:
            assert client.get("/healthz").status_code == 200
            assert not pose.done()
        finally:
            Slow.gate.set()
        assert pose.result().status_code == 200
