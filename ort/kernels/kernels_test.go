//go:build cgo && (amd64 || arm64) && !windows

package kernels

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// output runs a command and returns what it printed. The test fails if the command does.
func output(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// compiler returns the C compiler that cgo uses, with the flags that it is given for this
// package, and warnings as errors.
func compiler(t *testing.T) []string {
	t.Helper()
	return append(strings.Fields(output(t, "go", "env", "CC")), "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
}

func compile(t *testing.T, cc []string, args ...string) {
	t.Helper()
	output(t, cc[0], slices.Concat(cc[1:], args)...)
}

// TestKernels compares the kernels with reference.c, as they are compiled for the
// package, and with sanitizers for memory and undefined behaviour.
func TestKernels(t *testing.T) {
	if Block() == 0 {
		t.Skip("this processor has no kernels")
	}
	cc := compiler(t)
	// The plain loops take most of the time, and no sanitizer looks for mistakes in them.
	reference := filepath.Join(t.TempDir(), "reference.o")
	compile(t, cc, "-O3", "-c", "-o", reference, "reference.c")
	for name, flags := range map[string][]string{
		"optimized": nil,
		"sanitized": {"-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "kernels_test")
			sources := []string{"kernels_test.c", "testing.c", "statistics.c", reference}
			blocks := []int{8, 16}
			if runtime.GOARCH == "arm64" {
				sources, blocks = append(sources, "neon.c"), []int{4}
			} else {
				sources = append(sources, "avx2.c", "avx512.c")
			}
			compile(t, cc, slices.Concat(flags, []string{"-o", program}, sources, []string{"-lm", "-pthread"})...)
			for _, block := range blocks {
				if block > Block() {
					continue
				}
				t.Run(fmt.Sprint("blocks of ", block), func(t *testing.T) {
					t.Log(output(t, program, fmt.Sprint(block)))
				})
			}
		})
	}
}

// TestFiles compiles each C file by itself, also the headers: each includes what it
// needs.
func TestFiles(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.c", "*.h"} {
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(matches), err)
		}
		files = append(files, matches...)
	}
	cc := compiler(t)
	for _, file := range files {
		foreign := runtime.GOARCH == "arm64" && strings.HasPrefix(file, "avx")
		if file != "api_test.c" && !foreign { // TestAPI compiles the first
			compile(t, cc, "-fsyntax-only", "-Wno-unused-function", "-x", "c", file)
		}
	}
}

// TestAPI compares the places of functions and fields in ort.h with those in ONNX
// Runtime's header, which comes with the binding.
func TestAPI(t *testing.T) {
	binding := strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go"))
	cc := compiler(t)
	places := func(name string, flags ...string) string {
		program := filepath.Join(t.TempDir(), name)
		compile(t, cc, append(flags, "-o", program, "api_test.c")...)
		return output(t, program)
	}
	got, want := places("ours"), places("original", "-DORIGINAL", "-isystem", binding)
	if lines := strings.Count(want, "\n"); lines < 50 {
		t.Fatalf("api_test.c printed %d lines", lines)
	}
	gotLines := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(gotLines) || gotLines[i] != line {
			t.Fatalf("ort.h has %q, ONNX Runtime %q", gotLines[min(i, len(gotLines)-1)], line)
		}
	}
}
