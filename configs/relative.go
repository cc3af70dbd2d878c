package configs

import (
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
)

// relativeTo is the key under which a file names the folder that its relative paths are
// relative to.
const relativeTo = "relative_to"

// RelativeTo returns a copy of the experiment for a file in the folder dir, which must exist.
// Relative paths in it are relative to dir instead of to the working folder, and head is the
// line that says so, with which the file begins. So the paths stay valid if the file is read
// in another working folder, or after all files have moved together. Without relative paths,
// head is empty.
func (e Experiment) RelativeTo(dir string) (moved Experiment, head string, err error) {
	here, err := physical(".")
	if err != nil {
		return e, "", fmt.Errorf("find the working folder: %w", err)
	}
	if dir, err = physical(filepath.Clean(dir)); err != nil { // filepath.Join cleans the paths of its files
		return e, "", fmt.Errorf("find the folder of the configuration: %w", err)
	}
	move := func(path any) any {
		if !isRelative(path) {
			return path
		}
		head = relativeTo + ": .\n"
		return filepath.ToSlash(relative(dir, follow(here, path.(string))))
	}
	for _, s := range newKeys().settings {
		if !s.path {
			continue
		}
		s.set(&e, move(s.get(&e)))
		e.Sweep.Definitions = maps.Clone(e.Sweep.Definitions)
		for name, overlay := range e.Sweep.Definitions {
			if path, set := overlay[s.key]; set {
				overlay = maps.Clone(overlay)
				overlay[s.key] = move(path)
				e.Sweep.Definitions[name] = overlay
			}
		}
	}
	return e, head, nil
}

func isRelative(value any) bool {
	path, isText := value.(string)
	return isText && path != "" && !filepath.IsAbs(path)
}

// rebase changes the relative paths of the file so that they are relative to the working
// folder.
func (r *reader) rebase() {
	if r.relativeTo == "" {
		return
	}
	base, here, err := r.folders()
	if err != nil {
		r.failAt(Origin{Source: r.source}, "%s: %v", relativeTo, err)
		return
	}
	if base == here {
		return
	}
	for i, v := range r.values {
		if v.path && isRelative(v.value) {
			r.values[i].value = relative(here, follow(base, v.value.(string)))
		}
	}
}

// folders returns the folder that the file's relative paths are relative to, and the working
// folder.
func (r *reader) folders() (base, here string, err error) {
	if here, err = physical("."); err != nil {
		return "", "", err
	}
	dir, _ := filepath.Split(r.source)
	if dir, err = physical(dir); err != nil {
		return "", "", err
	}
	return follow(dir, r.relativeTo), here, nil
}

// physical returns the absolute path of a folder without symbolic links, so that ".." means
// the same in it for us as for the system.
func physical(dir string) (string, error) {
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(follow(here, dir))
}

// follow returns the path, which may be relative to the folder dir, as an absolute path without
// "..". A ".." behind a symbolic link means the parent of the folder that the link leads to, as
// for the system, while filepath.Join only drops the name of the link. Windows drops it too, and
// nobody knows where folders that do not exist would lead to.
func follow(dir, path string) string {
	if !filepath.IsAbs(path) {
		path = dir + string(filepath.Separator) + path
	}
	if i := strings.LastIndex(path+"/", "/../"); i >= 0 && runtime.GOOS != "windows" {
		end := i + len("/..")
		if parent, err := filepath.EvalSymlinks(path[:end]); err == nil {
			return filepath.Join(parent, path[end:])
		}
	}
	return filepath.Clean(path)
}

// relative returns the path relative to the folder from, or as it is if there is no such
// path, as between drives of Windows.
func relative(from, path string) string {
	if short, err := filepath.Rel(from, path); err == nil {
		return short
	}
	return path
}
