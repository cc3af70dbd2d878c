package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// machine describes where to look for CUDA.
type machine struct {
	goos   string
	root   string // "/"
	getenv func(string) string
	python string // the interpreter on the PATH; empty if there is none
}

func thisMachine() machine {
	python, err := exec.LookPath("python3")
	if err != nil {
		python = ""
	}
	return machine{goos: runtime.GOOS, root: string(filepath.Separator), getenv: os.Getenv, python: python}
}

// folders returns the folders that may hold CUDA or cuDNN libraries, in order of
// preference: the folders of the system's loader, installations of CUDA, and
// NVIDIA's packages in Python environments.
func (m machine) folders() []string {
	if m.goos == "windows" {
		// Installers put CUDA and cuDNN there, and the loader looks nowhere else.
		return filepath.SplitList(m.getenv("PATH"))
	}
	return slices.Concat(m.loaderFolders(), m.toolkitFolders(), m.pythonFolders())
}

// loaderFolders returns the folders of LD_LIBRARY_PATH and of ldconfig, and the
// built-in folders of the loader.
func (m machine) loaderFolders() []string {
	folders := filepath.SplitList(m.getenv("LD_LIBRARY_PATH"))
	folders = append(folders, m.ldconfigFolders("etc/ld.so.conf", 0)...)
	for _, folder := range []string{
		"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib", "usr/lib/wsl/lib",
	} {
		folders = append(folders, filepath.Join(m.root, folder))
	}
	return folders
}

// ldconfigFolders reads a configuration file of ldconfig: a folder or
// "include PATTERN" on each line. See ldconfig(8).
func (m machine) ldconfigFolders(name string, depth int) (folders []string) {
	const deepest = 4
	data, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil || depth > deepest {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "include":
			pattern := fields[1]
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(name), pattern)
			}
			for _, included := range m.glob(pattern) {
				relative, err := filepath.Rel(m.root, included)
				if err == nil {
					folders = append(folders, m.ldconfigFolders(relative, depth+1)...)
				}
			}
		case len(fields) == 1:
			folders = append(folders, filepath.Join(m.root, fields[0]))
		}
	}
	return folders
}

// toolkitFolders returns the folders of CUDA's own installers, newest version first.
func (m machine) toolkitFolders() (folders []string) {
	homes := []string{m.getenv("CUDA_HOME"), m.getenv("CUDA_PATH")}
	homes = append(homes, m.glob("usr/local/cuda")...)
	versions := m.glob("usr/local/cuda-*")
	slices.Reverse(versions)
	for _, home := range append(homes, versions...) {
		if home == "" {
			continue
		}
		for _, lib := range []string{"lib64", "lib", "targets/x86_64-linux/lib"} {
			folders = append(folders, filepath.Join(home, lib))
		}
	}
	return folders
}

// pythonFolders returns the folders of NVIDIA's packages (nvidia/*/lib) in the active
// Python environment and in the environment of the interpreter on the PATH.
func (m machine) pythonFolders() (folders []string) {
	prefixes := []string{m.getenv("VIRTUAL_ENV"), m.getenv("CONDA_PREFIX")}
	if m.python != "" {
		prefixes = append(prefixes, filepath.Dir(filepath.Dir(m.python)))
	}
	if home := m.getenv("HOME"); home != "" {
		prefixes = append(prefixes, filepath.Join(home, ".local"))
	}
	prefixes = append(prefixes, filepath.Join(m.root, "usr/local"), filepath.Join(m.root, "usr"))
	for _, prefix := range prefixes {
		if prefix == "" {
			continue
		}
		packages, err := filepath.Glob(filepath.Join(escapeGlob(prefix), "lib", "python3*", "*-packages", "nvidia", "*", "lib"))
		if err == nil {
			folders = append(folders, packages...)
		}
	}
	if conda := m.getenv("CONDA_PREFIX"); conda != "" {
		folders = append(folders, filepath.Join(conda, "lib"))
	}
	return folders
}

// glob returns the paths below the root that match pattern, sorted by name.
func (m machine) glob(pattern string) []string {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(m.root), pattern))
	if err != nil {
		return nil // the pattern of an ldconfig file may be malformed
	}
	return paths
}

// escapeGlob escapes path, so that it only matches itself in a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
