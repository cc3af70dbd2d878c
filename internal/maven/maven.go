// Package maven downloads single files with the Maven client, mvn, by their coordinates,
// and checks that what came is what was meant.
package maven

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onnxlab/internal/durable"
)

// copyGoal is the Maven goal that downloads one file by its coordinates.
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

// ErrNoClient says that mvn is not on the PATH.
var ErrNoClient = errors.New("the Maven client, mvn, is not on the PATH")

// Artifact is one file of a repository.
type Artifact struct {
	// Coordinates are group:artifact:version:type:classifier.
	Coordinates string
	// File is the name that the file has.
	File string
	// SHA256 is its hash in hexadecimal.
	SHA256 string
}

// Fetch has the Maven client put the file into dir and checks its SHA-256. begin is
// called before the client starts, if there is one, and what it returns when it ends.
func Fetch(ctx context.Context, a Artifact, dir string, begin func() (end func())) (path string, err error) {
	client, err := exec.LookPath("mvn")
	if err != nil {
		return "", ErrNoClient
	}
	end := begin()
	err = run(ctx, client, a, dir)
	end()
	if err != nil {
		return "", fmt.Errorf("fetch %s with Maven: %w", a.Coordinates, err)
	}
	path = filepath.Join(dir, a.File)
	sum, err := durable.HashFile(path)
	if err != nil {
		return "", fmt.Errorf("fetch %s with Maven: %w", a.Coordinates, err)
	}
	if sum != a.SHA256 {
		return "", fmt.Errorf("fetch %s with Maven: what came has SHA-256 %s instead of %s; nothing was installed",
			a.Coordinates, sum, a.SHA256)
	}
	return path, nil
}

// run downloads the file, and turns what Maven prints into an error.
func run(ctx context.Context, client string, a Artifact, dir string) error {
	cmd := exec.CommandContext(ctx, client, "-B", "-q", "-Dstyle.color=never", copyGoal,
		"-Dartifact="+a.Coordinates, "-DoutputDirectory="+dir)
	// Any pom.xml in the current directory is none of our business.
	cmd.Dir = dir
	// Maven is a script on some systems: do not wait for what it started.
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return errors.New(message(output.String(), err))
	}
	return nil
}

// message is the first error that Maven printed, else its last line.
func message(output string, err error) string {
	const longest = 500
	text := err.Error()
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			text = line
		}
		if after, ok := strings.CutPrefix(line, "[ERROR] "); ok {
			text = after
			break
		}
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
