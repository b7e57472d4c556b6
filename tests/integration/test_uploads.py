"""No text of a user makes the SDK of DashScope upload a file of this machine.

Its multimodal classes take a part of text that names a file for the file (1.27.8, `dashscope.utils.oss_utils`).
"""

from __future__ import annotations

import ast
import http.server
import inspect
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.stack import PROJECT
from shared.domain.catalog import ANSWER_MODELS, VISION_MODELS
from shared.domain.errors import PlatformError
from shared.domain.models import Picture
from shared.embedding.chat import Message
from shared.embedding.dashscope import DashScopeClient, UploadForbiddenError, protect_texts
from shared.embedding.parameters import EmbeddingParameters, TextType
from shared.embedding.pictures import Prompt
from tests.conftest import DashScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The classes and functions of the SDK that read local files.
UPLOADING = (
    *("MultiModal", "AioMultiModal", "ImageSynthesis", "AioImageSynthesis", "VideoSynthesis", "AioVideoSynthesis"),
    *("ImageGeneration", "AioImageGeneration", "OssUtils", "Files", "oss_utils", "multimodal", "image_", "video_"),
)
SECRET = "the content of a private file"


@dataclass
class Recorder:
    """A server that answers nothing useful and remembers what came."""

    address: str = ""
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)

    def texts(self) -> str:
        return "\n".join(f"{method} {path} {body!r}" for method, path, body in self.requests)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    seen = Recorder()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.requests.append((self.command, self.path, body))
            answer = json.dumps({"code": "InvalidParameter", "message": "no"}).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.address = f"http://127.0.0.1:{server.server_address[1]}/api/v1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield seen
        server.shutdown()


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that name a file, in every way that the SDK understands."""
    (tmp_path / "notes").mkdir()
    for name in (".profile", "notes/private.txt", "my file.txt"):
        (tmp_path / name).write_text(SECRET)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    absolute = tmp_path / "notes" / "private.txt"
    return [
        str(absolute), "notes/private.txt", "./my file.txt", "~/.profile", absolute.as_uri(),
        f"file://{tmp_path}/my%20file.txt", "file://~/.profile", "/etc/hostname", "oss://bucket/key",
    ]  # fmt: skip


PARAMETERS = EmbeddingParameters(TextType.DOCUMENT, 512)
PICTURE = Picture(b"\xff\xd8\xff", "digest", 30, 30)


def make_messages(texts: list[str]) -> list[Message]:
    return [Message("user", text) for text in texts]


# Every method of the client that sends texts; a new one belongs here.
METHODS: dict[str, Callable[[DashScopeClient, list[str]], object]] = {
    "embed": lambda client, texts: client.embed(texts, PARAMETERS, 10),
    "rerank": lambda client, texts: client.rerank("qwen3-rerank", texts[0], texts, 10),
    "generate": lambda client, texts: list(client.generate(ANSWER_MODELS["qwen-plus"], make_messages(texts), 10, 10)),
    "generate, multimodal": lambda client, texts: list(
        client.generate(ANSWER_MODELS["qwen3.7-flash"], make_messages(texts), 10, 10)
    ),
    "read_picture": lambda client, texts: client.read_picture(
        VISION_MODELS["qwen3-vl-flash"], PICTURE, Prompt(text=texts[0]), 10
    ),
}
WITHOUT_TEXTS = {"warm_up"}


def test_every_method_of_the_client_is_tried() -> None:
    methods = {name for name, _ in inspect.getmembers(DashScopeClient, inspect.isfunction) if not name.startswith("_")}
    assert methods == {name.partition(",")[0] for name in METHODS} | WITHOUT_TEXTS


@pytest.mark.parametrize("method", METHODS)
def test_no_method_uploads_a_file_that_a_text_names(recorder: Recorder, paths: list[str], method: str) -> None:
    client = DashScopeClient(DashScope(recorder.address).settings())
    with pytest.raises(PlatformError):
        METHODS[method](client, paths)
    assert len(recorder.requests) == 1
    (sent,) = (json.loads(body) for _, _, body in recorder.requests)
    assert SECRET not in recorder.texts()
    assert paths[0] in json.dumps(sent)


def send_parts(address: str, parts: list[dict[str, Any]]) -> None:
    from dashscope import MultiModalEmbedding

    MultiModalEmbedding.call(model="tongyi-embedding-vision-plus", input=parts, api_key="sk-x", base_address=address)


def test_protected_parts_are_sent_as_texts(recorder: Recorder, paths: list[str]) -> None:
    send_parts(recorder.address, protect_texts([{"text": path} for path in paths]))
    ((_, _, body),) = recorder.requests
    assert SECRET not in recorder.texts()
    assert [part["text"].strip() for part in json.loads(body)["input"]["contents"]] == paths


def test_parts_that_name_no_file_stay_as_they_are() -> None:
    parts = [
        {"text": "an ordinary text"},
        {"text": "http://example.com"},
        {"text": "a\0b"},
        {"image": "data:x"},
        {"text": ""},
    ]
    assert protect_texts(parts) == parts
    assert protect_texts(parts)[0] is not parts[0]


def test_without_protection_the_upload_itself_is_refused(recorder: Recorder, paths: list[str]) -> None:
    DashScopeClient(DashScope(recorder.address).settings()).warm_up()
    for path in paths[:-1]:  # an address in OSS is not read here
        if path == "/etc/hostname" and not Path(path).is_file():
            continue
        with pytest.raises(UploadForbiddenError):
            send_parts(recorder.address, [{"text": path}])
    assert recorder.requests == []


SOURCES = [
    path
    for folder in ("shared", "functions", "local", "ops", "benchmarks")
    for path in sorted((PROJECT / folder).rglob("*.py"))
    if path != PROJECT / "shared/embedding/dashscope.py"
]


def find_uploading_imports(source: str) -> list[str]:
    """What is imported or named of the classes that read local files."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dashscope":
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [
                part
                for alias in node.names
                if alias.name.split(".")[0] == "dashscope"
                for part in alias.name.split(".")
            ]
        elif isinstance(node, ast.Attribute) and ast.unparse(node).split(".")[0] == "dashscope":
            names = [node.attr]
        found += [name for name in names if name.startswith(UPLOADING)]
    return found


@pytest.mark.parametrize(
    "line",
    [
        "from dashscope import MultiModalEmbedding",
        "from dashscope.embeddings.multimodal_embedding import MultiModalEmbedding as E",
        "import dashscope.aigc.multimodal_conversation",
        "import dashscope\ndashscope.MultiModalConversation.call()",
        "from dashscope.utils.oss_utils import upload_file",
        "from dashscope.aigc import video_synthesis",
    ],
)
def test_an_import_of_what_reads_local_files_is_found(line: str) -> None:
    assert find_uploading_imports(line)


def test_no_other_module_imports_what_reads_local_files() -> None:
    found = {str(path): find_uploading_imports(path.read_text("utf-8")) for path in SOURCES}
    assert {path: names for path, names in found.items() if names} == {}
