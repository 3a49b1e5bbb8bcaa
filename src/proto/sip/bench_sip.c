/* Parse and print of one REGISTER per second, beside osip_message_parse() and osip_message_to_str(). */
#include "proto/sip/sip.h"
#include "test/kit/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <talloc.h>
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>

static const char text[] =
        "REGISTER sip:ims.mc.example SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 10.20.0.7:5060;branch=z9hG4bKnashds7;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:alice@ims.mc.example>;tag=4fa3\r\n"
        "To: <sip:alice@ims.mc.example>\r\n"
        "Call-ID: apb03a0s09dkjdfglkj49111\r\n"
        "CSeq: 1 REGISTER\r\n"
        "Contact: <sip:alice@10.20.0.7:5060>;expires=600000;+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\";"
        "+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mcptt\"\r\n"
        "Authorization: Digest username=\"alice@ims.mc.example\", realm=\"ims.mc.example\", nonce=\"\", "
        "uri=\"sip:ims.mc.example\", response=\"\"\r\n"
        "Supported: path, gruu\r\n"
        "Path: <sip:term@pcscf.ims.mc.example;lr>\r\n"
        "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=234151D0FCE11\r\n"
        "P-Charging-Vector: icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\"\r\n"
        "Require: sec-agree\r\n"
        "Security-Client: ipsec-3gpp; alg=hmac-sha-1-96; spi-c=23456789; spi-s=12345678; port-c=2468; port-s=1357\r\n"
        "Content-Length: 0\r\n\r\n";

static double now(void)
{
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void ours(void)
{
        void *mem = talloc_new(NULL);
        struct sip_msg *m;
        struct bytes out;
        if (sip_msg_parse(mem, BYTES_LIT(text), &m, NULL) != E_OK || sip_msg_print(mem, m, &out) != E_OK)
                abort();
        talloc_free(mem);
}

static void reference(void)
{
        osip_message_t *m;
        char *out;
        size_t n;
        if (osip_message_init(&m) != 0 || osip_message_parse(m, text, sizeof text - 1) != 0 ||
            osip_message_to_str(m, &out, &n) != 0)
                abort();
        osip_free(out);
        osip_message_free(m);
}

static double per_second(void (*fn)(void), double seconds)
{
        double start = now(), took = 0;
        long n = 0;
        while (took < seconds) {
                for (int i = 0; i < 1000; i++)
                        fn();
                n += 1000;
                took = now() - start;
        }
        return (double)n / took;
}

/* Both take turns, and the best turn counts: a neighbour's load hits neither more than the other. */
int main(int argc, char **argv)
{
        enum { TURNS = 5 };
        struct bench_options o = bench_options(argc, argv);
        double a = 0, b = 0, turn = o.quick ? 0.05 : (o.seconds > 0 ? o.seconds : 3) / (2 * TURNS);
        parser_init();
        for (int k = 0; k < TURNS; k++) {
                double ra = per_second(ours, turn), rb = per_second(reference, turn);
                a = ra > a ? ra : a;
                b = rb > b ? rb : b;
        }
        fprintf(stderr, "a REGISTER of %zu octets, parsed and printed; reference: libosip2\n", sizeof text - 1);
        bench_row(&o, "register_parse_print", "messages/s", a, b, 1);
        return 0;
}
