package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"onnxlab/ort/library"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/sweep"
)

// cellCommand makes the commands that train cells: this program with "train".
type cellCommand struct {
	program, root, library string
	// from is the file whose parameters the cells begin with; empty for none.
	from string
}

func newCellCommand(root, library string) (cellCommand, error) {
	program, err := os.Executable()
	if err != nil {
		return cellCommand{}, fmt.Errorf("find this program: %w", err)
	}
	return cellCommand{program: program, root: root, library: library}, nil
}

func (c cellCommand) train(cell sweep.Cell) *exec.Cmd {
	args := []string{"train", "--sweep", c.root, "--cell", cli.CellFlag(cell.Key), "--out", cell.Dir, "--resume", "--json"}
	if c.from != "" {
		args = append(args, "--from", c.from)
	}
	return c.command(args...)
}

func (c cellCommand) command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.program, args...)
	cmd.Env = append(os.Environ(), library.EnvLibrary+"="+c.library)
	return cmd
}

// output runs the command and returns its output. If its exit status says that the
// device or the data cannot be used, the error is a data error of the whole sweep.
func (c cellCommand) output(ctx context.Context, args ...string) ([]byte, error) {
	template := c.command(args...)
	cmd := exec.CommandContext(ctx, template.Path, template.Args[1:]...)
	cmd.Env = template.Env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err() // instead of the error that the command was killed
	}
	if err == nil {
		return out, nil
	}
	err = fmt.Errorf("%s (%w)", strings.TrimPrefix(strings.TrimSpace(stderr.String()), "pipeline: "), err)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == cli.ExitData {
		return nil, cli.BadData(err)
	}
	return nil, err
}
