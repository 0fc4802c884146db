"""An ONNX file named in a site file sees a recording through."""

from pathlib import Path

from tests.detect.onnx.graphs import finder

from sightline.scene import Scene, write_clip
from sightline.site import load_site
from sightline.site.running import RunningSite
from sightline.wire import result_from_json

SITE = """
cameras: {street: {url: street.mp4}}
workers:
  squares:
    model: {kind: onnx, path: models/bright.onnx, labels: [r, g, b], size: 96x64, fit: stretch}
    sinks: [{kind: jsonl, path: results.jsonl}]
"""


def test_its_boxes_are_in_the_results(tmp_path: Path) -> None:
    write_clip(Scene(seed=7, camera=3), tmp_path / "street.mp4", 50)
    (tmp_path / "models").mkdir()
    finder(tmp_path / "models" / "bright.onnx")
    (tmp_path / "site.yaml").write_text(SITE)
    with RunningSite(load_site(tmp_path / "site.yaml")) as running:
        assert running.wait(timeout_s=60)
    results = [result_from_json(line) for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
    assert len(results) == 50
    for result in results:
        assert (result.model, len(result.model_version)) == ("bright", 12)
        assert {seen.label for seen in result.detections} <= {"r", "g", "b"}
        for seen in result.detections:
            assert 0 <= seen.x1 < seen.x2 <= result.width
            assert 0 <= seen.y1 < seen.y2 <= result.height
    assert any(result.detections for result in results)
