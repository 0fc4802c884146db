"""Drawn graphs."""

from sightline.overflow import Overflow
from sightline.pipe.draw import as_mermaid, as_text
from sightline.pipe.graph import Graph, Link, Node
from sightline.pipe.settings import Policy, WireSettings

CAMERA, RESIZE, SHOW = Node("camera", "video"), Node("resize", "video"), Node('the "wall"', "pictures")
LONELY = Node("lonely", "pictures")
GRAPH = Graph(
    [("video", [CAMERA, RESIZE]), ("pictures", [SHOW, LONELY])],
    [
        Link(CAMERA, RESIZE, WireSettings(overflow=Overflow.DROP_NEWEST)),
        Link(RESIZE, SHOW, WireSettings(policy=Policy.LOSSLESS, capacity=64)),
    ],
)


def test_a_text_shows_flows_roles_and_wires() -> None:
    assert as_text(GRAPH).splitlines() == [
        "flow video",
        "  camera (source)",
        "    > resize [live 1, drop_newest]",
        "  resize (middle)",
        '    > the "wall" in flow pictures [lossless 64]',
        "flow pictures",
        '  the "wall" (destination)',
        "  lonely (no wires)",
    ]


def test_a_flowchart_has_a_box_for_each_flow() -> None:
    assert as_mermaid(GRAPH).splitlines() == [
        "flowchart LR",
        '  subgraph f0["video"]',
        '    r0["camera"]',
        '    r1["resize"]',
        "  end",
        '  subgraph f1["pictures"]',
        '    r2["the #quot;wall#quot;"]',
        '    r3["lonely"]',
        "  end",
        '  r0 -.->|"live 1, drop_newest"| r1',
        '  r1 ==>|"lossless 64"| r2',
    ]
