package slurm

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// The files in the launcher's folder.
const (
	cellsFile    = "cells"
	jobScript    = "job.sh"
	reportScript = "report.sh"
)

var (
	//go:embed job.sh.tmpl
	jobText string
	//go:embed report.sh.tmpl
	reportText string
)

// write writes the files that jobs need. It returns the cells, each with the number of its
// line in the file of cells, counted from 0.
func (l *Launcher) write(p *sweep.Plan, cells []sweep.Cell) ([]sweep.Task, error) {
	if err := os.MkdirAll(sweep.Folder(p.Root, Name), 0o755); err != nil {
		return nil, err
	}
	tasks, err := l.list(p.Root, cells)
	if err != nil {
		return nil, err
	}
	if l.Program, err = l.keepProgram(p.Root); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{jobScript: jobText, reportScript: reportText} {
		script, err := l.script(p, name, text)
		if err != nil {
			return nil, err
		}
		if err := durable.WriteBytes(filepath.Join(sweep.Folder(p.Root, Name), name), script); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// list adds the cells to the file of cells. A cell keeps its line for ever, because waiting
// jobs refer to it by number.
func (l *Launcher) list(root string, cells []sweep.Cell) ([]sweep.Task, error) {
	path := filepath.Join(sweep.Folder(root, Name), cellsFile)
	const limit = 1 << 26
	data, err := durable.ReadPlain(path, limit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines, next := map[string]int{}, 0
	for line := range strings.Lines(string(data)) {
		lines[strings.TrimSuffix(line, "\n")] = next
		next++
	}
	var tasks []sweep.Task
	for _, c := range cells {
		line := l.CellFlag(c.Key) + "\t" + c.Dir
		if strings.ContainsAny(c.Dir, "\t\n") || strings.Count(line, "\t") != 1 {
			return nil, fmt.Errorf("the name of the cell %q or its directory %q has a tab or a line break", l.CellFlag(c.Key), c.Dir)
		}
		if _, there := lines[line]; !there {
			lines[line] = next
			next++
			data = append(data, line+"\n"...)
		}
		tasks = append(tasks, sweep.Task{Index: lines[line], Key: c.Key})
	}
	slices.SortFunc(tasks, func(a, b sweep.Task) int { return a.Index - b.Index })
	return tasks, durable.WriteBytes(path, data)
}

// keepProgram copies the program into the folder. The cells must not run another program if
// it is built again, and "go run" deletes its program when it ends.
func (l *Launcher) keepProgram(root string) (string, error) {
	sum, err := durable.HashFile(l.Program)
	if err != nil {
		return "", err
	}
	path := filepath.Join(sweep.Folder(root, Name), "program-"+sum[:12], "pipeline")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	file, err := os.Open(l.Program)
	if err != nil {
		return "", err
	}
	defer file.Close()
	err = durable.WriteFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err
	})
	if err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o755)
}

// Script returns the job script for the plan's cells, for people to look at.
func (l *Launcher) Script(p *sweep.Plan) (string, error) {
	text, err := l.script(p, jobScript, jobText)
	return string(text), err
}

// script fills in the template text.
func (l *Launcher) script(p *sweep.Plan, name, text string) ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	t, err := template.New(name).Funcs(template.FuncMap{"quote": quote, "option": option, "logs": logs}).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Options": l.Options, "Sweep": p.Root, "Name": jobName(p), "Folder": sweep.Folder(p.Root, Name),
		"Memory": memory(l.Memory), "Dir": dir, "Locked": sweep.ExitLocked,
		"Failure": filepath.Base(rundir.Layout{}.Failure()), "Checkpoints": filepath.Base(rundir.Layout{}.Checkpoints()),
	})
	return b.Bytes(), err
}

// jobName returns the name that the queue shows.
func jobName(p *sweep.Plan) string {
	if p.Experiment.Name != "" {
		return p.Experiment.Name
	}
	return filepath.Base(p.Root)
}

// memory formats bytes as megabytes for --mem; empty for 0.
func memory(bytes int64) string {
	const mebibyte = 1 << 20
	if bytes == 0 {
		return ""
	}
	return strconv.FormatInt((bytes+mebibyte-1)/mebibyte, 10) + "M"
}

// quote quotes the text so that the shell reads it as one word.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// option quotes an option of sbatch for a script, in which blanks separate options, and
// quotes and backslashes are special.
func option(text string) string {
	if !strings.ContainsAny(text, " \t\"'\\#") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// logs returns a path in the folder for sbatch's --output, in which per cent signs are
// special.
func logs(folder, pattern string) string {
	return strings.ReplaceAll(folder, "%", "%%") + "/" + pattern
}
