// Package library finds, fetches, checks and opens the ONNX Runtime shared
// library.
//
//	path, err := library.Ensure(ctx, library.Options{Device: "cpu", Progress: os.Stderr})
//	…
//	err = library.Open(path)
//	…
//	defer library.Close()
//
// [Ensure] takes the first of these that there is:
//
//  1. the setting runtime.library ([Options.Library]), a file or a folder;
//  2. the environment variable ONNXLAB_ORT_LIBRARY, likewise;
//  3. a library that [Install] was given a file of;
//  4. the pinned build, in the user's cache folder;
//  5. the pinned build, fetched by the Maven client, checked against the
//     SHA-256 in this package, and unpacked into the cache folder.
//
// The pinned build is one that has the training API: Microsoft's own releases
// dropped it after 1.19.2. There are builds for Linux, macOS and Windows, and
// for the device "cuda" on Linux and Windows.
//
// The cache folder is onnxlab/onnxruntime below [os.UserCacheDir]. It is safe
// to delete at any time no program is using it. Libraries appear in it whole
// or not at all, and any number of processes may fetch at once: one does, the
// others wait for it. The pinned build is fetched again if its files are not
// all there with the sizes they had; [Describe] and [Install] compare the
// SHA-256 of every file.
//
// CUDA and cuDNN are not part of the build. They are looked for where the
// system's loader looks, in installations of CUDA and in Python environments,
// and [Open] loads them from there.
//
// The binding, github.com/yalue/onnxruntime_go, has one environment for the
// whole process. [Open] and [Close] count their callers.
package library
