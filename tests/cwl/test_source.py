"""Reading a CWL file safely, and what is said about broken YAML."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from chronos_plugin.cwl.source import check_yaml, compose, display_name, read_source
from chronos_plugin.cwl.syntax import explain
from chronos_plugin.errors import CwlError, CwlInvalid

GOOD = b"cwlVersion: v1.2\nclass: Workflow\ninputs: {}\noutputs: {}\nsteps: {}\n"


def refusal(data: bytes, **limits: int) -> CwlInvalid:
    with pytest.raises(CwlInvalid) as caught:
        check_yaml(data, "x.cwl", **limits)
    assert caught.value.suggestion
    return caught.value


class TestReadSource:
    def test_returns_the_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "a.cwl").write_bytes(GOOD)
        assert read_source(tmp_path / "a.cwl", root=tmp_path) == GOOD

    @pytest.mark.parametrize(
        ("data", "said", "line", "column"),
        [
            (b"", "empty", 1, 1),
            (b"\xef\xbb\xbf\n \n", "empty", 1, 1),
            (b"a: 1\nb: \0\n", "NUL byte at offset 8", 2, 4),
            ("a: 1\nb: \u00e4\u00e9".encode() + b"\xff", "byte 0xff at offset 12", 2, 6),
            ("a: é".encode("latin-1"), "byte 0xe9", 1, 4),
            ("a: 1".encode("utf-16"), "UTF-16", 1, 1),
        ],
    )
    def test_refuses_what_is_no_text(
        self, tmp_path: Path, data: bytes, said: str, line: int, column: int
    ) -> None:
        (tmp_path / "a.cwl").write_bytes(data)
        with pytest.raises(CwlInvalid, match=said) as caught:
            read_source(tmp_path / "a.cwl", root=tmp_path)
        assert str(caught.value.location) == f"a.cwl:{line}:{column}"
        assert caught.value.suggestion

    def test_refuses_large_files(self, tmp_path: Path) -> None:
        (tmp_path / "a.cwl").write_bytes(GOOD + b"# " + b"x" * 2000)
        assert read_source(tmp_path / "a.cwl", root=None, max_bytes=3000)
        with pytest.raises(CwlInvalid, match=r"has 2,0\d\d bytes, over the limit of 1,000"):
            read_source(tmp_path / "a.cwl", root=None, max_bytes=1000)

    def test_refuses_missing_files(self, tmp_path: Path) -> None:
        with pytest.raises(CwlInvalid, match="no such file") as caught:
            read_source(tmp_path / "sub" / "a.cwl", root=tmp_path)
        assert str(caught.value.location) == "sub/a.cwl"

    def test_refuses_folders_and_fifos_without_waiting(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.cwl")
        with pytest.raises(CwlInvalid, match="not a regular file"):
            read_source(tmp_path / "pipe.cwl", root=tmp_path)
        (tmp_path / "folder.cwl").mkdir()
        with pytest.raises(CwlInvalid, match=r"folder|directory"):
            read_source(tmp_path / "folder.cwl", root=tmp_path)

    def test_refuses_links_out_of_the_bundle(self, tmp_path: Path) -> None:
        bundle, outside = tmp_path / "bundle", tmp_path / "outside"
        bundle.mkdir()
        outside.mkdir()
        (outside / "secret.cwl").write_bytes(GOOD)
        (bundle / "link.cwl").symlink_to(outside / "secret.cwl")
        (bundle / "sub").symlink_to(outside)
        for path in (
            bundle / "link.cwl",
            bundle / "sub" / "secret.cwl",
            bundle / ".." / "outside/secret.cwl",
        ):
            with pytest.raises(CwlInvalid, match="leads out of the DAG bundle") as caught:
                read_source(path, root=bundle)
            assert str(tmp_path) not in str(caught.value)

    def test_accepts_links_that_stay_inside(self, tmp_path: Path) -> None:
        (tmp_path / "bundle").mkdir()
        (tmp_path / "alias").symlink_to(tmp_path / "bundle")
        (tmp_path / "bundle" / "a.cwl").write_bytes(GOOD)
        (tmp_path / "bundle" / "b.cwl").symlink_to("a.cwl")
        assert read_source(tmp_path / "alias" / "b.cwl", root=tmp_path / "bundle") == GOOD
        assert read_source(tmp_path / "bundle" / "b.cwl", root=tmp_path / "alias") == GOOD

    def test_names_broken_links_and_loops(self, tmp_path: Path) -> None:
        (tmp_path / "dangling.cwl").symlink_to("nowhere.cwl")
        (tmp_path / "loop.cwl").symlink_to("loop.cwl")
        with pytest.raises(CwlInvalid, match="points to nothing"):
            read_source(tmp_path / "dangling.cwl", root=tmp_path)
        with pytest.raises(CwlInvalid, match="cannot be read"):
            read_source(tmp_path / "loop.cwl", root=tmp_path)

    def test_display_names(self, tmp_path: Path) -> None:
        assert display_name(tmp_path / "a" / "b.cwl", tmp_path) == "a/b.cwl"
        assert display_name(tmp_path / "a" / "b.cwl", None) == "b.cwl"
        assert display_name(tmp_path / "b.cwl", tmp_path / "a") == "../b.cwl"


class TestCheckYaml:
    @pytest.mark.parametrize(
        "data",
        [
            GOOD,
            b"\xef\xbb\xbf" + GOOD,
            b'{\n\t"class": "Workflow",\n\t"steps": [\n\t\t1]}',
            b"%YAML 1.2\n---\na: 1\n...\n",
            b"a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n",
            b"a: {type: int?, items: [x:y, z]}\n",
            b'"1": a\nb: "x: y # z"\n',
        ],
    )
    def test_accepts_yaml_and_json(self, data: bytes) -> None:
        check_yaml(data, "x.cwl")

    def test_refuses_alias_bombs_before_they_go_off(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
        # 10 to the power of 60 values: whoever expanded them would not come to an end.
        error = refusal("\n".join(lines).encode())
        assert "expand this document to more than 1,000,000 values" in error.message
        assert str(error.location).startswith("x.cwl:6:")

    def test_refuses_aliases_of_themselves(self) -> None:
        assert "`*x` contains itself" in refusal(b"a: &x\n  b: [*x]\n").message

    @pytest.mark.parametrize("data", [b"a: " + b"[" * 100_000, b"- " * 100_000, b"{a: " * 100_000])
    def test_refuses_deep_nesting_without_recursion(self, data: bytes) -> None:
        assert "nested more than 200 deep" in refusal(data).message

    def test_counts_the_depth_behind_aliases(self) -> None:
        lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 30)]
        text = "\n".join(lines).encode()
        check_yaml(text, "x.cwl", max_depth=40)
        assert "nested more than 20 deep" in refusal(text, max_depth=20).message

    @pytest.mark.parametrize(
        ("data", "said", "place"),
        [
            (b"a: 1\nb: {c: 1,\n  c: 2}\n", "`c` is given twice in the same mapping, first in line 2", "3:3"),
            (b"a: 1\n'a': 2\n", "`a` is given twice", "2:1"),
            (b"a: 1\n---\nb: 2\n", "second YAML document", "2:1"),
            (b"- a\n", "this is a list", "1:1"),
            (b"hello\n", "this is plain text", "1:1"),
            (b"# nothing\n", "only comments", "1:1"),
            (b"a: 1\nb\xc3\xa9: \x07\n", "U+0007", "2:5"),
            (b"a: *b\n", "`*b` refers to a YAML anchor that does not exist", "1:4"),
            (b"{a: b}: c\n", "where the name of a field belongs", "1:1"),
            (b"a: 1\n: b\n", "no name before its `:`", "2:1"),
            (b"a: !x!y z\n", "YAML tag", "1:4"),
            (b"a: ]\n", "`]` stands where a value belongs", "1:4"),
            (b"a:\n  - b\n  c: 1\n", "between the `- ` members", "3:3"),
            (b"a: b\n- c\n", "list member (`- `)", "2:1"),
            (b"a: [b, c}\n", "a comma or the closing `]` is missing before this point", "1:9"),
            (b"a: {: b}\n", "no name before its `:`", "1:5"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, data: bytes, said: str, place: str) -> None:
        error = refusal(data)
        assert said in error.message
        assert str(error.location) == f"x.cwl:{place}"

    def test_keeps_places_and_quotes(self) -> None:
        root = compose(b"a:\n  - 'x'\n  - {b: y}\n", "x.cwl")
        assert root is not None
        first, second = root.get("a").items  # type: ignore[union-attr]
        assert (first.text, first.style, first.line, first.column) == ("x", "'", 2, 5)
        assert (second.word("b"), second.key("b").column) == ("y", 6)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb:\n\tc: 2\n",
        "a: foo: bar\n",
        "a: b\n  c: d\n",
        "in: {x: {valueFrom: $(inputs.y[0])}}\n",
        'a: "foo\nb: 1\n',
        "a: 'don't'\nb: 1\n",
        'a: "foo" bar\n',
        "a: [echo\nb: {}\n",
        "a:\n    b: 1\n  c: 2\n",
        "a: 1\nb:2\nc: 3\n",
        "a: @x\n",
        "a: | text\nb: 1\n",
    ],
)
def test_all_parsers_get_the_same_words(text: str) -> None:
    found = []
    for loader in (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader):
        with pytest.raises(yaml.MarkedYAMLError) as caught:
            list(yaml.parse(text, Loader=loader))
        found.append(explain(caught.value, text.encode(), "x.cwl"))
    with pytest.raises(MarkedYAMLError) as raised:
        YAML(typ="rt").load(text)
    found.append(explain(raised.value, text.encode(), "x.cwl"))
    assert len({(error.message, str(error.location), error.suggestion) for error in found}) == 1
    assert "not YAML" not in found[0].message


def survives(data: bytes, folder: Path) -> bool:
    path = folder / "x.cwl"
    path.write_bytes(data)
    try:
        check_yaml(read_source(path, root=folder), "x.cwl")
    except CwlError as error:
        return bool(error.location and error.message and error.suggestion)
    return True


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_cwl_errors(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    assert survives(data, tmp_path_factory.getbasetemp())


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-{}[]&*!|>'\"%@`#,?\n\t \\$()\u2028é0~<", max_size=60))
def test_arbitrary_yaml_raises_only_cwl_errors(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    assert survives(text.encode(), tmp_path_factory.getbasetemp())


def test_light_modules_import_no_heavy_library() -> None:
    code = (
        "import sys, chronos_plugin.cwl.references\n"
        "heavy = {'yaml', 'cwltool', 'schema_salad', 'ruamel', 'cwl_utils', 'airflow', 'quickjs'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
