package report

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; go test -update writes it again. Got:\n%s", path, got)
	}
}

func text(t *testing.T, s *Sweep) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, s.Table(DefaultDrop).WriteText(&b))
	return b.Bytes()
}

func TestTables(t *testing.T) {
	golden(t, "study.txt", text(t, load(t, study().write(t, t.TempDir()))))
	golden(t, "seeds.txt", text(t, load(t, threeSeeds().write(t, t.TempDir()))))
	golden(t, "unfinished.txt", text(t, load(t, unfinished(t, t.TempDir()))))
}

func TestFiles(t *testing.T) {
	root := unfinished(t, t.TempDir())
	must(t, load(t, root).Write(root, DefaultDrop))
	for _, name := range []string{"summary.csv", "da_type_medium.json"} {
		got, err := os.ReadFile(filepath.Join(root, name))
		must(t, err)
		golden(t, name, got)
	}
}

// TestRepeatable writes a report twice, the second time over the first, and compares the
// files.
func TestRepeatable(t *testing.T) {
	root := threeSeeds().write(t, t.TempDir())
	must(t, load(t, root).Write(root, DefaultDrop))
	first := files(t, root)
	must(t, load(t, root).Write(root, DefaultDrop))
	second := files(t, root)
	if !maps.Equal(first, second) {
		for name, data := range second {
			if first[name] != data {
				t.Errorf("%s differs", name)
			}
		}
	}
	for _, name := range []string{
		"accuracy.png", "accuracy.svg", "curves.png", "da_type_none.json", "da_type_none.pkl", "da_type_strong.json",
		"report.html", "summary.csv", "tensorboard/none-128-2/events.out.tfevents.1700000000.onnxlab",
	} {
		if first[name] == "" {
			t.Errorf("%s is not among %q", name, slices.Sorted(maps.Keys(first)))
		}
	}
}

// TestRepeatableElsewhere writes the reports of a sweep and of a run in two working folders. The
// experiment that they show is valid in the directory of the runs.
func TestRepeatableElsewhere(t *testing.T) {
	home := t.TempDir()
	project, elsewhere := filepath.Join(home, "project"), filepath.Join(home, "else", "where")
	must(t, os.MkdirAll(elsewhere, 0o755))
	must(t, os.MkdirAll(project, 0o755))
	root := threeSeeds().write(t, filepath.Join(project, "runs", "grid"))
	single := alone(t, filepath.Join(project, "runs", "single"), "single", 3)
	e := configs.Default()
	e.Data.Source, e.Data.Path, e.Data.Size = "folder", "photos", 8
	t.Chdir(project)
	must(t, rundir.WriteSweepConfig(root, e))
	must(t, rundir.WriteConfig(single, e))
	for _, dir := range []string{root, single} {
		t.Chdir(project)
		short, err := filepath.Rel(project, dir)
		must(t, err)
		here := pageFor(t, load(t, short))
		t.Chdir(elsewhere)
		if there := pageFor(t, load(t, dir)); there != here {
			t.Errorf("%s: the page differs between working folders", short)
		}
		for _, want := range []string{"relative_to: .\n", "\n  path: ../../photos\n"} {
			if !strings.Contains(here, want) {
				t.Errorf("%s: the page lacks %q", short, want)
			}
		}
	}
}

// files reads all files below root.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		found[path] = string(data)
		return err
	}))
	return found
}
