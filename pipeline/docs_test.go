package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the documents whose links are checked.
func documents() []string {
	return []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/clusters.md", "docs/finetune.md", "docs/settings.md"}
}

func readDocument(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// All links between the documents, and to headings in them, have a target.
func TestDocumentsLink(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	for _, name := range documents() {
		for _, m := range link.FindAllStringSubmatch(readDocument(t, name), -1) {
			target := name
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(name), m[1])
			}
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s links to %q: %v", name, m[1], err)
				continue
			}
			if m[2] != "" && !slices.Contains(anchors(readDocument(t, target)), m[2]) {
				t.Errorf("%s links to %q, which has no heading %q", name, target, m[2])
			}
		}
	}
}

// anchors returns the headings of a document in the form that links use.
func anchors(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			list = append(list, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return list
}

// The folders, files and functions that the architecture names exist, and no package is left out.
func TestArchitecture(t *testing.T) {
	text := readDocument(t, "docs/architecture.md")
	functions, packages := declared(t)
	for _, m := range regexp.MustCompile("`([^`]+)\\(\\)`").FindAllStringSubmatch(text, -1) {
		receiver, function := "", m[1]
		if i := strings.LastIndexByte(function, '.'); i >= 0 {
			receiver, function = strings.Trim(function[:i], "(*)"), function[i+1:]
		}
		if !slices.Contains(functions[function], receiver) && receiver != "" || functions[function] == nil {
			t.Errorf("there is no function %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+(?:/[a-z]+)+(?:_test)?(?:\\.go)?)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil && !strings.HasPrefix(m[1], "darwin/") && !strings.HasPrefix(m[1], "linux/") {
			t.Errorf("there is no %s", m[1])
		}
	}
	for _, p := range packages {
		if !strings.Contains(text, "`"+p+"`") && !strings.Contains(text, "`"+filepath.Base(p)+"`") {
			t.Errorf("the package %s is left out", p)
		}
	}
}

// declared lists the functions of all Go files that are not tests, each with its packages and
// receivers, and the folders of these files.
func declared(t *testing.T) (functions map[string][]string, packages []string) {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (?:\(\w* ?\*?(\w+)\) )?(\w+)[(\[]`)
	functions = map[string][]string{}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "bench" || path != "." && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		folder := filepath.Dir(path)
		forTests := strings.HasSuffix(folder, "test") || strings.HasSuffix(folder, "ort/ortrun")
		if !forTests && !slices.Contains(packages, folder) {
			packages = append(packages, folder)
		}
		source, err := fs.ReadFile(root, path)
		for _, m := range function.FindAllStringSubmatch(string(source), -1) {
			functions[m[2]] = append(functions[m[2]], filepath.Base(folder), m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return functions, packages
}
