/* What the C side offers to Rust: one table for each way that it was compiled. The Rust twin is src/c/mod.rs. */
#ifndef SIDE_H
#define SIDE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* x86 keeps stores in order and loads in order, so these two only hold the compiler, as in Linux. */
#if defined(__x86_64__)
#define xen_mb() __asm__ __volatile__("lock addl $0, -4(%%rsp)" ::: "memory", "cc")
#define xen_rmb() __asm__ __volatile__("" ::: "memory")
#define xen_wmb() __asm__ __volatile__("" ::: "memory")
#define relax() __asm__ __volatile__("pause" ::: "memory")
#else
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define relax() __asm__ __volatile__("" ::: "memory")
#endif
/*
 * RING_COPY_… promises a private copy, by a volatile access that gcc takes apart (its bug 58145): fields that nobody looks
 * at would not be copied. Behind this the copy is whole, as it is on our side.
 */
#define COPIED(copy) __asm__ __volatile__("" : "+m"(copy))
#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>

#ifndef RING_COPY_RESPONSE
#error "headers too old"
#endif

#define WRONG UINT64_MAX

struct slot_ops {
	size_t front_size, back_size, request_size, response_size;
	/* Benchmarks: whole rounds. */
	void (*front_init)(void *front, void *page, uint32_t start);
	void (*back_init)(void *back, void *page, uint32_t start);
	uint64_t (*rounds)(void *front, void *back, uint32_t rounds, uint32_t batch, uint32_t step);
	uint64_t (*front_rounds)(void *front, uint32_t rounds, uint32_t batch);
	uint64_t (*back_serve)(void *back, uint32_t count);
	/* The phases of a round, of which the third is the one that is timed: an answer and its push, one by one. */
	void (*front_ask)(void *front, uint32_t batch);
	uint32_t (*back_hold)(void *back);
	void (*back_push_each)(void *back);
	uint64_t (*front_collect)(void *front);
	uint64_t (*front_notified)(const void *front);
	uint64_t (*back_notified)(const void *back);
	/* One operation each, on whole slots that the caller made: negative is a peer that overran the ring. */
	int (*front_stage)(void *front, const void *request);
	int (*front_publish)(void *front);
	int (*front_take)(void *front, void *response);
	int (*back_take)(void *back, void *request);
	void (*back_stage)(void *back, const void *response);
	int (*back_publish)(void *back);
};

struct byte_ops {
	/* All the bytes or none; returns how many. `at` holds the two indices, consumer first. */
	size_t (*write)(RING_IDX *at, unsigned char *ring, RING_IDX size, const void *from, size_t len);
	size_t (*read)(RING_IDX *at, unsigned char *ring, RING_IDX size, void *to, size_t len);
	/* As often as `rounds` says, a message in and out again; returns the sum of their first bytes. */
	uint64_t (*rounds)(RING_IDX *at, unsigned char *ring, RING_IDX size, uint32_t rounds, uint32_t len);
};

struct bound_ops {
	size_t size;
	uint64_t (*rounds)(void *memory, uint32_t rounds, uint32_t batch);
	/* Copies messages to another place and back. */
	uint64_t (*copies)(uint32_t rounds, uint32_t len);
};

struct side {
	struct slot_ops block, small, checked_block, checked_small;
	struct byte_ops bytes;
	struct bound_ops bound;
};

#endif
