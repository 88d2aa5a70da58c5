/* Reads a node by libxenstore, one after the other, and says how long it took: for each number on the input that many. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xenstore.h>

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv)
{
    struct xs_handle *store = xs_open(0);
    unsigned int count, length;

    if (argc != 2 || store == NULL)
        return 1;
    while (scanf("%u", &count) == 1) {
        uint64_t begin = now();
        while (count-- > 0) {
            char *value = xs_read(store, XBT_NULL, argv[1], &length);
            if (value == NULL)
                return 1;
            free(value);
        }
        printf("%" PRIu64 "\n", now() - begin);
        fflush(stdout);
    }
    xs_close(store);
    return 0;
}
