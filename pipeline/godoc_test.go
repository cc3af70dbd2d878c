package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesAreNamed checks that the documentation of each package with examples says
// where they are, since "go doc" does not show them.
func TestExamplesAreNamed(t *testing.T) {
	root := os.DirFS("..")
	files, err := fs.Glob(root, "*/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := fs.Glob(root, "*/*/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, deeper...); len(files) < 6 {
		t.Fatalf("only %q have examples", files)
	}
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^func Example`).Match(text) {
			t.Errorf("%s has no example", file)
		}
		if doc := packageDoc(t, root, path.Dir(file)); !strings.Contains(doc, file) || !strings.Contains(doc, "onnxlab/"+path.Dir(file)) {
			t.Errorf("the documentation of %s does not say that its examples are in %s, or how to run them", path.Dir(file), file)
		}
	}
}

// packageDoc returns the comment of a package as one line.
func packageDoc(t *testing.T, root fs.FS, dir string) string {
	t.Helper()
	text, err := fs.ReadFile(root, dir+"/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), "doc.go", text, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(parsed.Doc.Text()), " ")
}
