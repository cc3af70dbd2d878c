package configs

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestRelativeTo checks that a file that names the working folder of its writer gives the same
// files to readers elsewhere, through symbolic links too, and after all has moved.
func TestRelativeTo(t *testing.T) {
	home := t.TempDir()
	mustDo := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	project, disk := filepath.Join(home, "project"), filepath.Join(home, "disk", "of", "runs")
	mustDo(os.MkdirAll(filepath.Join(project, "sub"), 0o755))
	mustDo(os.MkdirAll(filepath.Join(disk, "first"), 0o755))
	mustDo(os.Symlink(disk, filepath.Join(project, "runs")))
	t.Chdir(project)
	e := Default()
	e.Data.Source, e.Data.Path, e.Data.Size, e.Runtime.Library = "folder", "photos/../images: all", 8, "/lib/one.so"
	e.Sweep.Conditions = []string{"other"}
	e.Sweep.Definitions = map[string]Overlay{"other": {"model.path": "x.onnx"}}
	config := filepath.Join("runs", "first", "config.yaml")
	moved, head, err := e.RelativeTo(filepath.Dir(config))
	mustDo(err)
	if m := e.Sweep.Definitions["other"]["model.path"]; e.Data.Path != "photos/../images: all" || m != "x.onnx" {
		t.Errorf("the experiment became %+v, %v", e.Data, m)
	}
	if moved.Data.Path != "../../../../project/images: all" || moved.Runtime.Library != "/lib/one.so" {
		t.Errorf("relative to its file, it is %+v", moved.Data)
	}
	text, err := Marshal(moved)
	mustDo(err)
	mustDo(os.WriteFile(config, append([]byte(head), text...), 0o600))

	check := func(config, data, model string) {
		t.Helper()
		got, err := Load(config, nil)
		mustDo(err)
		if m := got.Sweep.Definitions["other"]["model.path"]; got.Data.Path != data || m != model || got.Runtime.Library != "/lib/one.so" {
			t.Errorf("%s: data.path %q, model.path %q, library %q", config, got.Data.Path, m, got.Runtime.Library)
		}
	}
	check(config, "images: all", "x.onnx")
	t.Chdir("sub")
	check(filepath.Join("..", config), "../images: all", "../x.onnx")
	check(filepath.Join(disk, "first", "config.yaml"), "../images: all", "../x.onnx")
	elsewhere := filepath.Join(filepath.Dir(home), "moved")
	mustDo(os.Rename(home, elsewhere))
	t.Chdir(elsewhere)
	check(filepath.Join("disk", "of", "runs", "first", "config.yaml"), "project/images: all", "project/x.onnx")

	got, err := Load(filepath.Join("disk", "of", "runs", "first", "config.yaml"), []string{"data.path=here"})
	if mustDo(err); got.Data.Path != "here" {
		t.Errorf("--set data.path=here gives %q", got.Data.Path)
	}
}

// TestRelativeToThroughLinks checks paths that go through a symbolic link and then to the parent
// of the folder that it leads to.
func TestRelativeToThroughLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, such a path leads to the folder with the link")
	}
	home := t.TempDir()
	mustDo := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"a/run", "a/ph", "far/deep", "far/ph", "far/run", "other"} {
		mustDo(os.MkdirAll(filepath.Join(home, dir), 0o755))
	}
	mustDo(os.Symlink("../far/deep", filepath.Join(home, "a", "link")))
	mustDo(os.Symlink("../other", filepath.Join(home, "far", "photos")))
	t.Chdir(filepath.Join(home, "a"))

	for path, want := range map[string]string{
		"link/../ph":              "../../far/ph",
		"run/../link/../ph":       "../../far/ph",
		"link/..":                 "../../far",
		"link/../photos":          "../../far/photos", // itself a link, which stays
		"link/../../other":        "../../other",
		"link/ph":                 "../link/ph",
		"missing/../ph":           "../ph",
		"link/missing/../../a/ph": "../a/ph",
	} {
		e := Default()
		e.Data.Source, e.Data.Path = "folder", path
		e.Sweep.Definitions = map[string]Overlay{"other": {"model.path": path}}
		moved, _, err := e.RelativeTo("run")
		mustDo(err)
		if m := moved.Sweep.Definitions["other"]["model.path"]; moved.Data.Path != want || m != want {
			t.Errorf("%s: data.path %q, model.path %q, want %q", path, moved.Data.Path, m, want)
		}
	}

	check := func(config, head, path, want string) {
		t.Helper()
		text := head + "data: {source: folder, size: 8, path: " + path + "}\n"
		mustDo(os.WriteFile(config, []byte(text), 0o600))
		e, err := Load(config, nil)
		mustDo(err)
		if e.Data.Path != want {
			t.Errorf("%s with %q and %s: data.path %q, want %q", config, head, path, e.Data.Path, want)
		}
	}
	check("run/x.yaml", "relative_to: .\n", "../link/../ph", "../far/ph")
	check("run/x.yaml", "relative_to: ../link\n", "../ph", "../far/ph")
	check("run/x.yaml", "relative_to: ../link/..\n", "ph", "../far/ph")
	check("run/x.yaml", "relative_to: "+home+"/a/link/..\n", "ph", "../far/ph")
	check("run/x.yaml", "relative_to: ..\n", "link/../ph", "link/../ph") // the working folder
	check("link/../run/y.yaml", "relative_to: .\n", "../ph", "../far/ph")
}

// TestRelativeToInLink checks a working folder that is reached through a symbolic link.
func TestRelativeToInLink(t *testing.T) {
	home := t.TempDir()
	mustDo := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mustDo(os.MkdirAll(filepath.Join(home, "a", "work"), 0o755))
	mustDo(os.MkdirAll(filepath.Join(home, "a", "run"), 0o755))
	mustDo(os.Symlink(filepath.Join("a", "work"), filepath.Join(home, "link")))
	t.Chdir(filepath.Join(home, "link"))
	e := Default()
	e.Data.Source, e.Data.Path, e.Data.Size = "folder", "../ph", 8
	text, err := MarshalIn("../run", e)
	mustDo(err)
	mustDo(os.WriteFile("../run/x.yaml", text, 0o600))
	for _, config := range []string{"../run/x.yaml", filepath.Join(home, "a", "run", "x.yaml")} {
		got, err := Load(config, nil)
		if mustDo(err); got.Data.Path != "../ph" {
			t.Errorf("%s: data.path %q in\n%s", config, got.Data.Path, text)
		}
	}
}

// TestRelativeToNothing checks that experiments without relative paths stay as they are.
func TestRelativeToNothing(t *testing.T) {
	e := Default()
	e.Data.Source, e.Data.Path = "folder", "/photos"
	if moved, head, err := e.RelativeTo(t.TempDir()); err != nil || head != "" || moved.Data.Path != "/photos" {
		t.Errorf("%q, data.path %q, error %v", head, moved.Data.Path, err)
	}
}

// TestRelativeToOfAUser checks a file that names its own folder, and one that it extends, which
// names none.
func TestRelativeToOfAUser(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.yaml": "data: {source: folder, path: photos, size: 8}\nruntime: {library: lib.so}\n",
		"x.yaml":    "extends: base.yaml\ndata: {path: images}\nrelative_to: .\n",
		"abs.yaml":  "relative_to: /far\ndata: {source: folder, path: photos, size: 8}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Dir(dir))
	e, err := Load(filepath.Join(dir, "x.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Data.Path != filepath.Join(filepath.Base(dir), "images") || e.Runtime.Library != "lib.so" {
		t.Errorf("%+v %+v", e.Data, e.Runtime)
	}
	if e, err = Load(filepath.Join(dir, "abs.yaml"), nil); err != nil {
		t.Fatal(err)
	}
	if absolute, err := filepath.Abs(e.Data.Path); err != nil || absolute != "/far/photos" {
		t.Errorf("data.path %q, error %v", e.Data.Path, err)
	}
}
