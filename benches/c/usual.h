/*
 * The usual way to keep grants, to dispatch events and to speak to xenstore, as C does it; written for this comparison. The Rust twin of
 * the table is src/c/usual.rs.
 */
#ifndef USUAL_H
#define USUAL_H

#include "side.h"
#include <xen/event_channel.h>
#include <xen/io/xs_wire.h>

/* A grant table of version 1: a free list of references under one lock. */
struct grant_ops {
	size_t size;
	/* The entries are the caller's, as many as `count`; the first eight are reserved. */
	void (*init)(void *state, void *entries, uint32_t count);
	/*
	 * Offers `batch` frames, then ends the access to each; as often as `rounds` says. Returns the sum of the frames that
	 * came back. Several threads may do so.
	 */
	uint64_t (*rounds)(void *state, uint32_t rounds, uint32_t batch);
};

/* Events of the 2-level kind: a domain's two maps and one processor's record. */
struct two_level_ops {
	size_t size;
	void (*init)(void *state);
	/* Has `pending` events come in, the same ports each time, and dispatches them; returns the sum of their ports. */
	uint64_t (*rounds)(void *state, uint32_t rounds, uint32_t pending);
	/* The same with the checks of xen-evtchn. */
	uint64_t (*checked)(void *state, uint32_t rounds, uint32_t pending);
	/* One event a round, late acknowledged: the port is masked, the event is handled, the port is unmasked. */
	uint64_t (*late)(void *state, uint32_t rounds);
};

/* Events of the FIFO kind: an array of event words and one control block. */
struct fifo_ops {
	size_t size;
	void (*init)(void *state);
	uint64_t (*rounds)(void *state, uint32_t rounds, uint32_t pending);
	/* The same with the checks of xen-evtchn. */
	uint64_t (*checked)(void *state, uint32_t rounds, uint32_t pending);
};

#define STORE_ANSWERS 8

/* A request and what it is answered with. */
struct store_work {
	uint32_t type;
	const char *path;
	const void *value;
	size_t value_len;
	/* As many whole messages, whose ids are set. */
	unsigned char (*answers)[128];
	size_t answer_len;
};

/* The codec of a xenstore client. */
struct store_ops {
	size_t size;
	void (*init)(void *state);
	/* Encodes the request and decodes the answer, as often; returns the sum of what was taken out of them. */
	uint64_t (*rounds)(void *state, const struct store_work *work, uint32_t rounds);
	/* The same, with names checked as xen-store checks them. */
	uint64_t (*checked)(void *state, const struct store_work *work, uint32_t rounds);
};

struct usual {
	struct grant_ops grant;
	struct two_level_ops two_level;
	struct fifo_ops fifo;
	struct store_ops store;
};

#endif
