from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from clp_lab import file
from clp_lab.errors import LabFileError
from clp_lab.plan import BalancerPlan, Plan, ServerPlan

_GOOD = """
[lab]
agent = ["/bin/agent", "run"]
boot = "500 ms"
stop = 2.5
capture = "frames.pcap"
[files]
"etc/clpcore/conf.d" = "conf"
[server.a]
address = "10.5.0.110"
[server.b]
address = "10.5.0.111"
start = false
environment = { X = "1" }
[balancer]
interval = 0.05
threshold = 3
pool = ["b"]
"""

_BAD = """
[lab]
agnet = ["x"]
boot = "soon"
[files]
"../x" = "nothing"
[server.a]
adress = "10.5.0.110"
[balancer]
port = "80"
[balacner]
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "lab.toml"
    path.write_text(text)
    return path


def test_a_lab_file_becomes_a_plan(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    plan = file.load(_write(tmp_path, _GOOD))
    assert plan == Plan(
        servers=(
            ServerPlan(name="a", address="10.5.0.110"),
            ServerPlan(name="b", address="10.5.0.111", start=False, environment={"X": "1"}),
        ),
        agent=("/bin/agent", "run"),
        files={"etc/clpcore/conf.d": str(tmp_path / "conf")},
        balancer=BalancerPlan(interval=50, threshold=3, pool=("b",)),
        capture=str(tmp_path / "frames.pcap"),
        boot=500,
        stop=2500,
    )
    assert Plan.from_json(plan.as_json()) == plan


def test_an_empty_file_is_the_lab_of_the_guide(tmp_path: Path) -> None:
    plan = file.load(_write(tmp_path, ""))
    assert [(server.name, server.address) for server in plan.servers] == [
        ("node1", "10.5.0.110"),
        ("node2", "10.5.0.111"),
    ]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LabFileError) as caught:
        file.load(_write(tmp_path, _BAD))
    lines = str(caught.value).replace(f"{tmp_path}/", "").split("\n")
    assert lines == [
        "lab.toml: the file has no key 'balacner': did you mean 'balancer'?",
        "lab.toml: [lab] has no key 'agnet': did you mean 'agent'?",
        "lab.toml: [lab] boot = 'soon': expected a duration: seconds as a number, or \"500 ms\"",
        "lab.toml: [server.a] has no key 'adress': did you mean 'address'?",
        "lab.toml: [server.a] lacks its address, such as 10.5.0.110",
        "lab.toml: [balancer] port = '80': expected a whole number",
        "lab.toml: [files] '../x': a path below CLP_ROOT, without '..'",
        "lab.toml: [files] '../x': there is no nothing",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[lab]\nservers = 33", "[lab] servers = 33: a lab has 1 to 32 servers, not 33"),
        ("[server.A_1]\naddress = '10.5.0.9'", "server 'A_1': a name has small letters"),
        ("[server.all]\naddress = '10.5.0.9'", "server 'all': a name has small letters"),
        ("[server.a]\naddress = '10.6.0.9'", "address '10.6.0.9' is not in 10.5.0.0/24"),
        ("[server.a]\naddress = '10.5.0.50'", "client has 10.5.0.50 already"),
        ("[balancer]\nfrontend = '10.6.0.1'", "is neither in 203.0.113.0/24 nor 10.5.0.0/24"),
        ("[balancer]\nfrontend = '10.5.0.111'", "node2 has the frontend's address 10.5.0.111"),
        ("[balancer]\nfrontend = '203.0.113.50'", "client has the frontend's address"),
        ("[balancer]\ndirect = true", "port 80 and backend_port 8080 must be equal"),
        ("[balancer]\ndirect = 1", "expected true or false"),
        ("[balancer]\nport = 0", "port 0: 1 to 65535"),
        ("[balancer]\ninterval = 0", "interval 0: above zero"),
        ("[balancer]\npool = ['node9']", "'node9' in the pool is no server"),
        ("[lab]\ndevice = 'bridge'", "device 'bridge': 'tap' or 'veth'"),
        ("[lab", "Expected ']'"),
    ],
)
def test_a_contradiction_is_refused_with_the_remedy(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(LabFileError) as caught:
        file.load(_write(tmp_path, text))
    assert complaint in str(caught.value)


def test_every_field_of_the_plan_has_a_key() -> None:
    def differences(keys: object, plan: type[attrs.AttrsInstance]) -> set[str]:
        assert isinstance(keys, dict)
        return set(keys) ^ {field.name for field in attrs.fields(plan)}

    assert differences(file._BALANCER, BalancerPlan) == set()
    assert differences(file._SERVER, ServerPlan) == {"name"}
    assert differences(file._LAB, Plan) == {"files", "balancer"}
