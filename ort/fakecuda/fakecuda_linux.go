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

// EnvLog is the environment variable that names a log file. The libraries append
// one line for each call: the name of the function, or, for calls about memory, one
// of these with the number of bytes: "allocate 16", "pin 16", "copy to GPU 16",
// "copy to host 16", "copy on GPU 16". Freeing pinned memory writes "unpin".
const EnvLog = "FAKECUDA_LOG"

//go:embed src
var sources embed.FS

// driver is the library of NVIDIA's driver. CUDA's runtime opens it, so it must
// exist, but nothing in it is called.
const driver = "libcuda.so.1"

// Environ returns the environment variables with which a command sees a fake GPU:
// they name the pinned CUDA build of ONNX Runtime, which is fetched if it is not
// there yet, and the folder of the fake libraries.
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

// build compiles every library that the provider needs into dir. provider is the
// path of ONNX Runtime's CUDA provider for Linux.
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

// late matches the end of a string that may be the name of a function of cuDNN. The
// pattern begins with fixed text instead of a word boundary, which makes the search
// 200 times as fast.
var late = regexp.MustCompile(`cudnn[A-Z]\w+\x00`)

// lateNames lists the functions of cuDNN that the provider looks up by name at run
// time, as cuDNN's frontend does with all of its functions. A match inside a longer
// word is part of a mangled name and does not count.
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

// functions lists, for each of NVIDIA's libraries, the functions that the provider
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

// written matches the functions that a C file of src defines.
var written = regexp.MustCompile(`(?m)^(?:\w+ \**)+(\w+)\(|^[A-Z]+\((\w+)\)$`)

// compile makes a library from its C file in src, if there is one. All other names
// become functions that log their name and return 0.
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
