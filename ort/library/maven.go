package library

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
	"onnxlab/internal/terminal"
)

// mavenCopy is the Maven goal that downloads one file by its coordinates.
const mavenCopy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

// download downloads the jar into dir with the Maven client and checks its SHA-256.
func download(ctx context.Context, b build, dir string, progress terminal.Reporter) (jar string, err error) {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("fetch ONNX Runtime: the Maven client, mvn, is not on the PATH; install Maven, or get %s "+
			"(%s) another way and run 'pipeline runtime install --from %s', or set runtime.library or %s to a library "+
			"that has the training API", b.jarName(), b.coordinates(), b.jarName(), EnvLibrary)
	}
	stop := showDownload(progress, b, dir)
	err = runMaven(ctx, maven, b, dir)
	stop()
	if err != nil {
		return "", fmt.Errorf("fetch %s with Maven: %w", b.coordinates(), err)
	}
	jar = filepath.Join(dir, b.jarName())
	sum, err := durable.HashFile(jar)
	if err != nil {
		return "", fmt.Errorf("fetch %s with Maven: %w", b.coordinates(), err)
	}
	if sum != b.sha256 {
		return "", fmt.Errorf("fetch %s with Maven: the file has SHA-256 %s instead of %s; nothing was installed",
			b.coordinates(), sum, b.sha256)
	}
	return jar, nil
}

// runMaven downloads the jar, and turns what Maven prints into an error.
func runMaven(ctx context.Context, maven string, b build, dir string) error {
	cmd := exec.CommandContext(ctx, maven, "-B", "-q", "-Dstyle.color=never", mavenCopy,
		"-Dartifact="+b.coordinates(), "-DoutputDirectory="+dir)
	// Maven would use a pom.xml in the current directory, so run it in another one.
	cmd.Dir = dir
	// On some systems Maven is a script: do not wait for the processes that it started.
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return errors.New(mavenMessage(output.String(), err))
	}
	return nil
}

// mavenMessage returns the first error that Maven printed, or else its last line.
func mavenMessage(output string, err error) string {
	const longest = 500
	message := err.Error()
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			message = line
		}
		if text, ok := strings.CutPrefix(line, "[ERROR] "); ok {
			message = text
			break
		}
	}
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + "…"
	}
	return message
}
