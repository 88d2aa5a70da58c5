/*
 * What xl has no command for.
 *
 *   in-place freeze DOMID   shuts the domain down as for a suspend, without asking it
 *   in-place resume DOMID   lets a suspended domain go on where it is, the slow way: the result of its call stays 0
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

/* A number of a domain that can be shut down: not dom0's, and none of the reserved ones. */
static uint32_t domain(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end || number == 0 || number >= DOMID_FIRST_RESERVED)
        errx(2, "no domain: %s", text);
    return number;
}

static void freeze(xc_interface *xen, uint32_t domid)
{
    if (xc_domain_shutdown(xen, domid, SHUTDOWN_suspend))
        err(1, "cannot freeze domain %u", domid);
}

static void resume(xc_interface *xen, uint32_t domid)
{
    struct xs_handle *store = xs_open(0);

    if (!store)
        err(1, "no xenstore");
    if (xc_domain_resume(xen, domid, 0))
        err(1, "cannot resume domain %u", domid);
    /* xenstored tells of a domain's shutdown once, unless it hears that the domain goes on. */
    if (!xs_resume_domain(store, domid))
        err(1, "xenstore does not resume domain %u", domid);
    xs_close(store);
}

int main(int argc, char **argv)
{
    xc_interface *xen;
    uint32_t domid;

    if (argc != 3)
        errx(2, "usage: in-place freeze|resume DOMID");
    domid = domain(argv[2]);
    xen = xc_interface_open(NULL, NULL, 0);
    if (!xen)
        err(1, "no hypervisor");
    if (!strcmp(argv[1], "freeze"))
        freeze(xen, domid);
    else if (!strcmp(argv[1], "resume"))
        resume(xen, domid);
    else
        errx(2, "no command: %s", argv[1]);
    xc_interface_close(xen);
    return 0;
}
