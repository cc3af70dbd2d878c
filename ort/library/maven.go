package library

import (
	"context"
	"errors"
	"fmt"

	"onnxlab/internal/maven"
	"onnxlab/internal/terminal"
)

// download has the Maven client put the jar into dir and checks its SHA-256.
func download(ctx context.Context, b build, dir string, progress terminal.Reporter) (jar string, err error) {
	a := maven.Artifact{Coordinates: b.coordinates(), File: b.jarName(), SHA256: b.sha256}
	jar, err = maven.Fetch(ctx, a, dir, func() func() { return showDownload(progress, b, dir) })
	if errors.Is(err, maven.ErrNoClient) {
		return "", fmt.Errorf("fetch ONNX Runtime: %w; install Maven, or get %s "+
			"(%s) another way and run 'pipeline runtime install --from %s', or set runtime.library or %s to a library "+
			"that has the training API", err, b.jarName(), b.coordinates(), b.jarName(), EnvLibrary)
	}
	return jar, err
}
