/*
 * What no ring of block requests can do without, by the same compiler: copies into slots and out of them, and the full
 * barriers of a round.
 */

#define PLACES 32

struct bound {
	blkif_request_t slot[PLACES];
};

static inline void bound_put(blkif_request_t *slot, uint64_t i)
{
	blkif_request_t req;

	memset(&req, 0, sizeof(req));
	req.operation = BLKIF_OP_READ;
	req.nr_segments = 1;
	req.sector_number = i;
	req.id = i;
	*slot = req;
}

static inline void bound_answer(blkif_request_t *slot)
{
	blkif_request_t req;
	blkif_response_t rsp;

	req = *(volatile blkif_request_t *)slot;
	memset(&rsp, 0, sizeof(rsp));
	rsp.id = req.id;
	rsp.operation = req.operation;
	*(blkif_response_t *)slot = rsp;
}

static inline uint64_t bound_take(blkif_request_t *slot)
{
	blkif_response_t rsp;

	rsp = *(volatile blkif_response_t *)slot;
	return rsp.id + (uint64_t)rsp.status;
}

static uint64_t bound_rounds(void *memory, uint32_t rounds, uint32_t batch)
{
	struct bound *b = memory;
	uint64_t sum = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < batch; i++)
			bound_put(&b->slot[i % PLACES], i);
		/* The push of the requests, and the back's final check. */
		xen_mb();
		xen_mb();
		for (uint32_t i = 0; i < batch; i++)
			bound_answer(&b->slot[i % PLACES]);
		xen_mb();
		xen_mb();
		for (uint32_t i = 0; i < batch; i++)
			sum += bound_take(&b->slot[i % PLACES]);
	}
	return sum;
}
