//go:build cgo && (linux || darwin)

package onstack

/*
#include <signal.h>
#include <stdlib.h>

#ifndef NSIG
#define NSIG 65
#endif

enum { count = NSIG };

typedef struct {
	int known[count];
	struct sigaction action[count];
} handlers;

static handlers *save_handlers(void) {
	handlers *h = calloc(1, sizeof *h);
	for (int s = 1; h != NULL && s < count; s++)
		h->known[s] = sigaction(s, NULL, &h->action[s]) == 0;
	return h;
}

// restore_handlers restores the handlers that were replaced by handlers without
// SA_ONSTACK. It leaves other changes alone: Go made them, for example
// signal.Notify in a goroutine.
static void restore_handlers(handlers *h) {
	for (int s = 1; s < count; s++) {
		struct sigaction now;
		if (!h->known[s] || sigaction(s, NULL, &now) != 0)
			continue;
		if (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN || now.sa_flags & SA_ONSTACK)
			continue;
		sigaction(s, &h->action[s], NULL);
	}
	free(h);
}
*/
import "C"

import "errors"

// Keep calls load. Then it restores the signal handlers that load replaced by
// handlers which do not run on the signal stack, even if load failed. It returns
// load's error.
func Keep(load func() error) error {
	saved := C.save_handlers()
	if saved == nil {
		return errors.New("keep the signal handlers: out of memory")
	}
	defer C.restore_handlers(saved)
	return load()
}
