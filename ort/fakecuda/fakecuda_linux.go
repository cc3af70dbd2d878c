package fakecuda

import (
	"cmp"
	"debug/elf"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/ort/library"
)

// EnvLog is the environment variable that names a file to which the libraries
// append a line for each call: "allocate 16", "pin 16", for which an "unpin" follows,
// and "copy to GPU 16" with the bytes, and likewise "to host" and "on GPU", or the
// name of a function of which there is nothing more to tell.
const EnvLog = "FAKECUDA_LOG"

//go:embed src
var sources embed.FS

// driver is opened by CUDA itself, and only has to be there.
const driver = "libcuda.so.1"

// Environ are the settings of the environment under which a command has a fake
// GPU: of the pinned library for CUDA, which is fetched if it is not there yet,
// and of the libraries that it needs.
func Environ(t testing.TB) map[string]string {
	t.Helper()
	installed, err := library.Install(t.Context(), library.Options{Device: configs.CUDA, Progress: os.Stderr}, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := build(dir, filepath.Join(filepath.Dir(installed.Path), "libonnxruntime_providers_cuda.so")); err != nil {
		t.Fatal(err)
	}
	return map[string]string{library.EnvLibrary: installed.Path, "LD_LIBRARY_PATH": dir}
}

// build compiles into dir the libraries that the provider needs, a library for
// Linux.
func build(dir, provider string) error {
	needed, err := functions(provider)
	if err != nil {
		return fmt.Errorf("build a fake CUDA for %q: %w", provider, err)
	}
	needed[driver] = nil
	for library, names := range needed {
		if err := compile(dir, library, names); err != nil {
			return fmt.Errorf("build a fake %s: %w", library, err)
		}
	}
	return nil
}

// late finds the ends of words that may be functions of cuDNN. Beginning with
// what is literal, it is searched for 200 times as fast as with the word's boundary.
var late = regexp.MustCompile(`cudnn[A-Z]\w+\x00`)

// lateNames lists the functions of cuDNN that the provider looks up by name when it
// runs, as its frontend does with all of them; within a word they are parts of
// mangled names.
func lateNames(provider []byte) []string {
	var names []string
	for _, at := range late.FindAllIndex(provider, -1) {
		if at[0] > 0 && !inWord.Match(provider[at[0]-1:at[0]]) {
			names = append(names, string(provider[at[0]:at[1]-1]))
		}
	}
	return names
}

var inWord = regexp.MustCompile(`\w`)

// functions lists the functions of each library of NVIDIA's that the provider
// calls.
func functions(provider string) (map[string][]string, error) {
	file, err := elf.Open(provider)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	symbols, err := file.ImportedSymbols()
	if err != nil {
		return nil, err
	}
	needed := map[string][]string{}
	for _, l := range libraries {
		if strings.HasPrefix(l, "libcu") {
			needed[l] = nil
		}
	}
	for _, s := range symbols {
		if _, ok := needed[s.Library]; ok {
			needed[s.Library] = append(needed[s.Library], s.Name)
		}
	}
	data, err := os.ReadFile(provider)
	if err != nil {
		return nil, err
	}
	for l := range needed {
		if strings.HasPrefix(l, "libcudnn.") {
			needed[l] = append(needed[l], lateNames(data)...)
		}
	}
	return needed, nil
}

// written finds the functions that a source has.
var written = regexp.MustCompile(`(?m)^(?:\w+ \**)+(\w+)\(|^[A-Z]+\((\w+)\)$`)

// compile makes a library of its source, if it has one, and of functions that
// only tell of themselves for the rest of the names.
func compile(dir, library string, names []string) error {
	base := strings.TrimPrefix(strings.TrimSuffix(strings.Split(library, ".so")[0], "Lt"), "lib")
	source, err := sources.ReadFile("src/" + base + ".c")
	if err != nil {
		source = nil // the driver
	}
	header, err := sources.ReadFile("src/told.h")
	if err != nil {
		return err
	}
	var text strings.Builder
	text.Write(header)
	text.Write(source)
	var done []string
	for _, m := range written.FindAllSubmatch(source, -1) {
		done = append(done, cmp.Or(string(m[1]), string(m[2])))
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if !slices.Contains(done, n) {
			fmt.Fprintf(&text, "int %s(void) { told(\"%s\"); return 0; }\n", n, n)
		}
	}
	c := filepath.Join(dir, library+".c")
	script := filepath.Join(dir, library+".map")
	for path, content := range map[string]string{c: text.String(), script: library + " { global: *; };\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	out, err := exec.Command(cmp.Or(os.Getenv("CC"), "cc"), "-w", "-shared", "-fPIC", "-O1", c, "-o", filepath.Join(dir, library),
		"-Wl,-soname,"+library, "-Wl,--version-script,"+script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
