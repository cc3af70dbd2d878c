package folder

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// loadLabels reads a folder of pictures a.png to e.png with this file of labels.
func loadLabels(t *testing.T, text string, splits ...dataset.Split) (*dataset.Splits, error) {
	t.Helper()
	all := map[string][]byte{"labels.csv": []byte(text)}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all["pictures/"+name+".png"] = encode(t, 5, 4, red)
	}
	return Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), Labels: "labels.csv", Height: 8, Width: 8}, splits...)
}

// targetsOf returns the targets of a set as text, sorted by file.
func targetsOf(set *dataset.Set) string {
	var list []string
	for i, file := range set.Files {
		list = append(list, fmt.Sprintf("%s %v %d", strings.TrimPrefix(file, "pictures/"), set.Target(i), set.Label(i)))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestLabels reads files of labels with a column of classes, with each separator, or with a
// column for each class.
func TestLabels(t *testing.T) {
	for text, want := range map[string]string{
		"filename,labels\npictures/a.png,dog|big cat\npictures/b.png,big cat\npictures/c.png,\n":            "[big cat dog]: a.png [1 1] 0, b.png [1 0] 0, c.png [0 0] 0",
		"\ufeffimage_name,tags\npictures/a.png,haze primary\npictures/b.png,primary\n":                      "[haze primary]: a.png [1 1] 0, b.png [0 1] 1",
		"File,Labels\n./pictures/a.png,\"x, y\"\npictures\\b.png,z\n":                                       "[x y z]: a.png [1 1 0] 0, b.png [0 0 1] 2",
		"file,car,bus\npictures/a.png,1,0\npictures/b.png,1.0,1\n":                                          "[car bus]: a.png [1 0] 0, b.png [1 1] 0",
		"file,split,car,bus\npictures/a.png,train,1,0\npictures/b.png,valid,0,1\npictures/c.png,test,0,0\n": "[car bus]: a.png [1 0] 0, b.png [0 1] 1, c.png [0 0] 0",
	} {
		s, err := loadLabels(t, text, dataset.All)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := fmt.Sprint(s.All.Classes) + ": " + targetsOf(s.All); got != want || s.All.Validate() != nil {
			t.Errorf("%q\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// TestLabelledSplits checks that a column says which split a file belongs to, and that
// otherwise a share is held out.
func TestLabelledSplits(t *testing.T) {
	s, err := loadLabels(t, "file,split,labels\npictures/a.png,train,x\npictures/b.png,Training,y\npictures/c.png,val,x;y\npictures/d.png,test,x\n", dataset.Train, dataset.Validation, dataset.Test)
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[*dataset.Set]string{s.Train: "a.png [1 0] 0, b.png [0 1] 1", s.Validation: "c.png [1 1] 0", s.Test: "d.png [1 0] 0"} {
		if got := targetsOf(set); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	rows := "file,labels\n"
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		rows += "pictures/" + name + ".png,x|y\n"
	}
	if s, err = loadLabels(t, rows, dataset.Train, dataset.Validation); err != nil || s.Train.Len() != 4 || s.Validation.Len() != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestLabelsOfStreams checks that images that are read when needed have the same targets,
// and that the set's hash depends on them.
func TestLabelsOfStreams(t *testing.T) {
	hashes := map[string]bool{}
	for _, row := range []string{"x|y", "x"} {
		dir := datatest.WriteFiles(t, map[string][]byte{"labels.csv": []byte("file,labels\na.png," + row + "\nb.png,y\n"), "a.png": encode(t, 5, 4, red), "b.png": encode(t, 5, 4, blue)})
		s, err := Load(t.Context(), Options{Path: dir, Labels: "labels.csv", Height: 8, Width: 8, Stream: true}, dataset.All)
		if err != nil {
			t.Fatal(err)
		}
		want := "a.png [1 1] 0, b.png [0 1] 1"
		if row == "x" {
			want = "a.png [1 0] 0, b.png [0 1] 1"
		}
		if got := targetsOf(s.All); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		hashes[s.All.Hash()] = true
	}
	if len(hashes) != 2 {
		t.Error("other targets have the same hash")
	}
}

// TestLabelFaults checks that errors name the line.
func TestLabelFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "is not a CSV file with a header of column names",
		"picture,labels\na.png,x\n":       `line 1: has no column of files: call it file or filename (columns: "picture", "labels")`,
		"file,labels\n":                   "has no rows",
		"file,labels\npictures/a.png,x\n": "has 1 class; 2..100000 are needed",
		"file,x,y\npictures/a.png,1,2\n":  `line 2: "2" is neither 0 nor 1`,
		"file,x,x\npictures/a.png,1,0\n":  `line 1: the class name "x" is empty or occurs twice`,
		"file,labels\n../a.png,x|y\n":     `line 2: "../a.png" is not a path below the folder`,
		"file,labels\n/a.png,x|y\n":       `line 2: "/a.png" is not a path below the folder`,
		"file,labels\npictures/a.png,x|y\npictures/./a.png,x\n": `line 3: "pictures/a.png" already occurred in line 2`,
		"file,split,labels\npictures/a.png,some,x|y\n":          `line 2: split "some" is unknown: use train or training`,
		"file,labels\npictures/a.png\n":                         "wrong number of fields",
		"file,labels\npictures/none.png,x|y\n":                  "none.png",
	} {
		if _, err := loadLabels(t, text, dataset.All); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that has %q", text, err, want)
		}
	}
	if _, err := Load(t.Context(), Options{Path: t.TempDir(), Labels: "../labels.csv"}, dataset.All); err == nil || !strings.Contains(err.Error(), "is not a path below the folder") {
		t.Errorf("error %v", err)
	}
}
