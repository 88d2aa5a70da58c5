/* The block ring by the macros of the public headers, as Linux's drivers use them: front and back in one round trip. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* x86 keeps stores in order and loads in order, so these two only hold the compiler, as in Linux. */
#if defined(__x86_64__)
#define xen_mb() __asm__ __volatile__("lock addl $0, -4(%%rsp)" ::: "memory", "cc")
#define xen_rmb() __asm__ __volatile__("" ::: "memory")
#define xen_wmb() __asm__ __volatile__("" ::: "memory")
#else
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include <xen/xen.h>
#include <xen/io/blkif.h>

#ifndef RING_COPY_RESPONSE
#error "headers too old"
#endif

#define SLOTS 32

struct pair {
	blkif_front_ring_t front;
	blkif_back_ring_t back;
	uint64_t token[SLOTS];
	uint32_t next[SLOTS];
	uint32_t free;
	uint64_t notified;
};

size_t c_pair_size(void)
{
	return sizeof(struct pair);
}

void c_init(struct pair *p, void *page)
{
	blkif_sring_t *sring = page;

	memset(p, 0, sizeof(*p));
	for (uint32_t i = 0; i < SLOTS; i++)
		p->next[i] = i + 1;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&p->front, sring, 4096);
	BACK_RING_INIT(&p->back, sring, 4096);
}

/* One batch of requests there and back; returns the sum of the tokens that came back. */
uint64_t c_round(struct pair *p, uint32_t batch)
{
	blkif_front_ring_t *front = &p->front;
	blkif_back_ring_t *back = &p->back;
	uint64_t sum = 0;
	int notify, more;

	for (uint32_t i = 0; i < batch && !RING_FULL(front); i++) {
		blkif_request_t *slot = RING_GET_REQUEST(front, front->req_prod_pvt);
		blkif_request_t req;
		uint32_t id = p->free;

		memset(&req, 0, sizeof(req));
		p->free = p->next[id];
		p->token[id] = i;
		req.operation = BLKIF_OP_READ;
		req.nr_segments = 1;
		req.sector_number = i;
		req.id = id;
		*slot = req;
		front->req_prod_pvt++;
	}
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(front, notify);
	p->notified += notify;

	do {
		RING_IDX rp = back->sring->req_prod;

		xen_rmb();
		if (RING_REQUEST_PROD_OVERFLOW(back, rp))
			return ~0ULL;
		while (back->req_cons != rp) {
			blkif_request_t req;
			blkif_response_t rsp;

			RING_COPY_REQUEST(back, back->req_cons, &req);
			back->req_cons++;
			memset(&rsp, 0, sizeof(rsp));
			rsp.id = req.id;
			rsp.operation = req.operation;
			*RING_GET_RESPONSE(back, back->rsp_prod_pvt) = rsp;
			back->rsp_prod_pvt++;
		}
		RING_FINAL_CHECK_FOR_REQUESTS(back, more);
	} while (more);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(back, notify);
	p->notified += notify;

	do {
		RING_IDX rp = front->sring->rsp_prod;

		xen_rmb();
		if (RING_RESPONSE_PROD_OVERFLOW(front, rp))
			return ~0ULL;
		while (front->rsp_cons != rp) {
			blkif_response_t rsp;

			RING_COPY_RESPONSE(front, front->rsp_cons, &rsp);
			front->rsp_cons++;
			if (rsp.id >= SLOTS)
				return ~0ULL;
			sum += p->token[rsp.id] + (uint64_t)rsp.status;
			p->next[rsp.id] = p->free;
			p->free = rsp.id;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(front, more);
	} while (more);
	return sum;
}
