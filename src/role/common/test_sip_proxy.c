#include "test/kit/check.h"

#include "proto/sip/sip.h"
#include "role/common/sip_proxy.h"

/* A port that keeps what it was given; the test plays the next hop. */
struct fake {
        struct sip_port port;
        enum ecode send_gives;
        struct sip_msg *sent, *replied;
        unsigned replies;
        sip_response_fn fn;
        void *arg;
};

static enum ecode fake_send(struct sip_port *p, struct sip_msg *rq, const struct sip_target *to, unsigned timeout_ms,
                            sip_response_fn fn, void *arg)
{
        struct fake *f = (struct fake *)(void *)p;
        (void)to;
        (void)timeout_ms;
        f->sent = talloc_steal(f, rq);
        f->fn = fn;
        f->arg = arg;
        return f->send_gives;
}

static enum ecode fake_reply(struct sip_port *p, struct sip_tx *tx, struct sip_msg *rs)
{
        struct fake *f = (struct fake *)(void *)p;
        (void)tx;
        f->replied = talloc_steal(f, rs);
        f->replies++;
        return E_OK;
}

static struct fake *fake_new(void)
{
        struct fake *f = talloc_zero(NULL, struct fake);
        f->port = (struct sip_port){ .send = fake_send, .reply = fake_reply };
        return f;
}

static struct sip_msg *request(void *mem, const char *method, const char *hops)
{
        struct sip_msg *m = sip_request_new(mem, &(struct sip_request_in){ .method = method,
                                                                           .uri = "sip:b@example.com",
                                                                           .from = "<sip:a@example.com>;tag=1",
                                                                           .to = "<sip:b@example.com>",
                                                                           .call_id = "c",
                                                                           .cseq = 1 });
        sip_hdr_add(m, "Via", "SIP/2.0/TCP ue;branch=z9hG4bKue");
        sip_hdr_set(m, "Max-Forwards", "%s", hops);
        return m;
}

static void forward(struct fake *f, const char *method, sip_proxy_edit edit)
{
        struct sip_msg *rq = request(f, method, "9"), *out = NULL;
        CHECK_OK(sip_proxy_copy(rq, &out, NULL));
        struct sip_proxy_job job = { .port = &f->port, .role = "pcscf", .timeout_ms = 1000, .edit = edit };
        sip_proxy_forward(&job, NULL, rq, out, &(struct sip_target){ .proto = SIP_TCP });
}

static void respond(struct fake *f, int status)
{
        f->fn(f->arg, sip_response_new(f, f->sent, status, NULL), E_OK);
}

static struct sip_msg *mark(void *arg, struct sip_msg *rs)
{
        (void)arg;
        sip_hdr_add(rs, "X-Edited", "yes");
        return rs;
}

static void test_hops(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct sip_msg *out = NULL;
        CHECK_OK(sip_proxy_copy(request(mem, "INVITE", "70"), &out, NULL));
        assert_int_equal(sip_max_forwards(out), 69);
        assert_string_equal(sip_hdr(out, "Via"), "SIP/2.0/TCP ue;branch=z9hG4bKue");
        talloc_free(out);
        CHECK_E(E_RANGE, sip_proxy_copy(request(mem, "INVITE", "0"), &out, NULL)); /* 483 */
        talloc_free(mem);
}

static void test_answers_come_back(void **state)
{
        (void)state;
        struct fake *f = fake_new();
        forward(f, "INVITE", mark);
        respond(f, 100); /* of one hop alone */
        assert_int_equal(f->replies, 0);
        respond(f, 180);
        assert_int_equal(sip_status(f->replied), 180);
        respond(f, 404);
        assert_int_equal(sip_status(f->replied), 404);
        assert_string_equal(sip_hdr(f->replied, "X-Edited"), "yes");
        assert_string_equal(sip_hdr(f->replied, "Via"), "SIP/2.0/TCP ue;branch=z9hG4bKue");
        assert_int_equal(f->replies, 2);
        talloc_free(f);
}

/* "Could not ask" is 408 or 503, never 403. */
static void test_nobody_answers(void **state)
{
        (void)state;
        static const struct {
                enum ecode sent, why;
                int status;
        } rows[] = {
                { E_OK, E_TIMEOUT, 408 },
                { E_OK, E_PEER_DOWN, 503 },
                { E_PEER_DOWN, E_OK, 503 },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct fake *f = fake_new();
                f->send_gives = rows[i].sent;
                forward(f, "REGISTER", NULL);
                if (rows[i].sent == E_OK)
                        f->fn(f->arg, NULL, rows[i].why);
                assert_int_equal(f->replies, 1);
                assert_int_equal(sip_status(f->replied), rows[i].status);
                assert_int_equal(sip_hdr(f->replied, "Retry-After") != NULL, rows[i].status == 503);
                talloc_free(f);
        }
}

static void test_ack_is_not_answered(void **state)
{
        (void)state;
        struct fake *f = fake_new();
        forward(f, "ACK", NULL);
        f->fn(f->arg, NULL, E_OK);
        assert_int_equal(f->replies, 0);
        talloc_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hops),
                cmocka_unit_test(test_answers_come_back),
                cmocka_unit_test(test_nobody_answers),
                cmocka_unit_test(test_ack_is_not_answered),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
