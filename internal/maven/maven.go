// Package maven downloads single files by their Maven coordinates with the client, mvn,
// and checks their SHA-256.
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
	// File is the file's name in the folder that it is downloaded to.
	File string
	// SHA256 is the hash that the file must have, in hexadecimal.
	SHA256 string
}

// Fetch lets the Maven client download the file into dir, and checks its SHA-256.
// Without the client it returns ErrNoClient. Fetch calls begin before the client starts,
// and the function that begin returns when the client has ended.
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
		return "", fmt.Errorf("fetch %s with Maven: the downloaded file has SHA-256 %s instead of %s; nothing was installed",
			a.Coordinates, sum, a.SHA256)
	}
	return path, nil
}

// run downloads the file, and turns what Maven prints into an error.
func run(ctx context.Context, client string, a Artifact, dir string) error {
	cmd := exec.CommandContext(ctx, client, "-B", "-q", "-Dstyle.color=never", copyGoal,
		"-Dartifact="+a.Coordinates, "-DoutputDirectory="+dir)
	// Maven must not read a pom.xml of the user's current directory.
	cmd.Dir = dir
	// mvn is a script on some systems. If it is killed, do not wait long for the programs that it started.
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

// message returns the first error that Maven printed, or else its last line.
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
