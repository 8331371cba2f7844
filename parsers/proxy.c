#include "proxy.h"

#include "reader.h"

#define SOCKS4             0x04
#define SOCKS5             0x05
#define CONNECT            0x01 /* the command of both */
#define SOCKS4_GRANTED     90   /* the reply's code; its first byte is 0 */
#define SOCKS4_CODE_MAX    93
#define SOCKS5_METHODS_MAX 16 /* ten are registered */
#define SOCKS5_NO_METHOD   0x00
#define SOCKS5_PASSWORD    0x02
#define SOCKS5_SUCCEEDED   0x00
#define PASSWORD           0x01 /* RFC 1929's own version */
#define ADDRESS_IPV4       0x01
#define ADDRESS_NAME       0x03
#define ADDRESS_IPV6       0x04
#define PORT_LEN           2

enum state {
    BEGIN, /* a prelude may begin here; behind one, another one */
    OPEN,  /* a tunnel was asked for or granted */
    OVER,
    SKIP,       /* `left` bytes, then `after` */
    SKIP_TEXTS, /* `left` texts, each with its NUL, then OPEN */
    SKIP_LINES, /* up to an empty one, then `after` */
    SOCKS4_HEAD,
    SOCKS5_HEAD,
    SOCKS5_NEXT, /* a password (or its status), or the request (or its reply) */
    SOCKS5_REQUEST,
    SOCKS5_NAME,
    PASSWORD_USER,
    PASSWORD_SECRET,
    PASSWORD_STATUS,
    HTTP_REQUEST,
    HTTP_STATUS,
};

/* Bytes that a state wants to see together. */
static size_t head_of(uint8_t state) {
    switch ((enum state)state) {
    case SOCKS4_HEAD:
        return 8;
    case SOCKS5_HEAD:
        return 2;
    case SOCKS5_REQUEST:
        return 3;
    case HTTP_REQUEST:
        return 8; /* "CONNECT " */
    case HTTP_STATUS:
        return 12; /* "HTTP/1.1 200" */
    default:
        return 1;
    }
}

static void skip(struct proxy *proxy, size_t len, enum state after) {
    proxy->left = (uint16_t)len;
    proxy->state = (uint8_t)(len > 0 ? SKIP : after);
    proxy->after = (uint8_t)after;
}

/* --- what a prelude begins with --- */

static enum parse_result begins_with_text(struct reader in, const char *text) {
    for (; *text; text++) {
        if (reader_left(&in) == 0)
            return PARSE_MORE;
        if (reader_u8(&in) != (uint8_t)*text)
            return PARSE_BAD;
    }
    return PARSE_OK;
}

/* Two control bytes as neither SMTP nor TLS begins with. */
static enum parse_result begins_with_pair(struct reader in, uint8_t first, uint8_t least, uint8_t most) {
    if (reader_u8(&in) != first)
        return PARSE_BAD;
    if (reader_left(&in) == 0)
        return PARSE_MORE;
    uint8_t second = reader_u8(&in);
    return second >= least && second <= most ? PARSE_OK : PARSE_BAD;
}

static enum parse_result look(enum side side, struct reader in, enum state *state) {
    bool client = side == SIDE_CLIENT;
    const struct {
        enum parse_result result;
        enum state state;
    } forms[] = {
        {begins_with_text(in, client ? "CONNECT " : "HTTP/1."), client ? HTTP_REQUEST : HTTP_STATUS},
        {client ? begins_with_pair(in, SOCKS4, CONNECT, CONNECT)
                : begins_with_pair(in, 0, SOCKS4_GRANTED, SOCKS4_CODE_MAX),
         SOCKS4_HEAD},
        {client ? begins_with_pair(in, SOCKS5, 1, SOCKS5_METHODS_MAX)
                : begins_with_pair(in, SOCKS5, SOCKS5_NO_METHOD, SOCKS5_PASSWORD),
         SOCKS5_HEAD},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        *state = forms[i].state;
        if (forms[i].result != PARSE_BAD)
            return forms[i].result;
    }
    return PARSE_BAD;
}

/* --- message by message --- */

/* Version, code, port, address. The client's user name follows, and in 4a, whose address is 0.0.0.x, the name
 * of the other end. */
static void take_socks4(struct proxy *proxy, enum side side, struct reader head) {
    reader_skip(&head, 1);
    uint8_t code = reader_u8(&head);
    reader_skip(&head, PORT_LEN);
    uint32_t address = reader_u32(&head);
    if (side == SIDE_SERVER) {
        proxy->state = code == SOCKS4_GRANTED ? OPEN : OVER;
        return;
    }
    proxy->left = address > 0 && address <= 0xff ? 2 : 1;
    proxy->state = SKIP_TEXTS;
}

static void take_socks5(struct proxy *proxy, enum side side, struct reader head) {
    reader_skip(&head, 1);
    uint8_t second = reader_u8(&head);
    if (side == SIDE_CLIENT)
        skip(proxy, second, SOCKS5_NEXT);
    else
        proxy->state = second == SOCKS5_NO_METHOD || second == SOCKS5_PASSWORD ? SOCKS5_NEXT : OVER;
}

static void take_next(struct proxy *proxy, enum side side, uint8_t version) {
    if (version == SOCKS5)
        proxy->state = SOCKS5_REQUEST;
    else if (version == PASSWORD)
        proxy->state = side == SIDE_CLIENT ? PASSWORD_USER : PASSWORD_STATUS;
    else
        proxy->state = OVER;
}

/* RFC 1928 sections 4 and 6: command or reply, 0, address type. */
static void take_request(struct proxy *proxy, enum side side, struct reader head) {
    uint8_t code = reader_u8(&head);
    reader_skip(&head, 1);
    uint8_t type = reader_u8(&head);
    if (code != (side == SIDE_CLIENT ? CONNECT : SOCKS5_SUCCEEDED))
        proxy->state = OVER;
    else if (type == ADDRESS_IPV4)
        skip(proxy, 4 + PORT_LEN, OPEN);
    else if (type == ADDRESS_IPV6)
        skip(proxy, 16 + PORT_LEN, OPEN);
    else
        proxy->state = type == ADDRESS_NAME ? SOCKS5_NAME : OVER;
}

/* A 1xx is not yet the answer, and any 2xx opens the tunnel (RFC 9110 sections 15.2 and 9.3.6). */
static void take_status(struct proxy *proxy, struct reader head) {
    reader_skip(&head, 9); /* "HTTP/1.1 " */
    uint8_t digit = reader_u8(&head);
    proxy->after = digit == '2' ? OPEN : BEGIN;
    proxy->state = digit == '1' || digit == '2' ? SKIP_LINES : OVER;
    proxy->have = 1; /* in the midst of a line */
}

static void take_head(struct proxy *proxy, enum side side) {
    struct reader head = reader_of(proxy->head, proxy->have);
    uint8_t first = proxy->head[0];
    proxy->have = 0;
    switch ((enum state)proxy->state) {
    case SOCKS4_HEAD:
        take_socks4(proxy, side, head);
        break;
    case SOCKS5_HEAD:
        take_socks5(proxy, side, head);
        break;
    case SOCKS5_NEXT:
        take_next(proxy, side, first);
        break;
    case SOCKS5_REQUEST:
        take_request(proxy, side, head);
        break;
    case SOCKS5_NAME:
        skip(proxy, (size_t)first + PORT_LEN, OPEN);
        break;
    case PASSWORD_USER:
        skip(proxy, first, PASSWORD_SECRET);
        break;
    case PASSWORD_SECRET:
        skip(proxy, first, SOCKS5_NEXT);
        break;
    case PASSWORD_STATUS:
        proxy->state = first == 0 ? SOCKS5_NEXT : OVER;
        break;
    case HTTP_REQUEST:
        proxy->after = OPEN;
        proxy->state = SKIP_LINES;
        proxy->have = 1;
        break;
    case HTTP_STATUS:
        take_status(proxy, head);
        break;
    default:
        break;
    }
}

static void take_byte(struct proxy *proxy, enum side side, uint8_t byte) {
    switch ((enum state)proxy->state) {
    case SKIP:
        if (--proxy->left == 0)
            proxy->state = proxy->after;
        break;
    case SKIP_TEXTS:
        if (byte == 0 && --proxy->left == 0)
            proxy->state = OPEN;
        break;
    case SKIP_LINES: /* have: whether the line has anything in it */
        if (byte == '\n' && proxy->have == 0)
            proxy->state = proxy->after;
        else if (byte != '\r')
            proxy->have = byte != '\n';
        break;
    default:
        proxy->head[proxy->have++] = byte;
        if (proxy->have == head_of(proxy->state))
            take_head(proxy, side);
        break;
    }
    if (proxy->state == OPEN) {
        proxy->opened = true;
        proxy->state = BEGIN;
    }
}

bool proxy_passes_over(const struct proxy *proxy, bool *lines) {
    *lines = proxy->state == SKIP_LINES;
    return proxy->state == SKIP || proxy->state == SKIP_LINES;
}

enum parse_result proxy_push_part(struct proxy *proxy, enum side side, const uint8_t *data, size_t len,
                                  size_t *used) {
    struct reader in = reader_of(data, len);
    enum parse_result result = PARSE_OK;
    bool lines, passes = proxy_passes_over(proxy, &lines);
    while (result == PARSE_OK && proxy->state != OVER && reader_left(&in) > 0 &&
           proxy_passes_over(proxy, &lines) == passes) {
        enum state begun = BEGIN;
        if (proxy->state == BEGIN && (result = look(side, in, &begun)) == PARSE_OK) {
            proxy->seen = true;
            proxy->state = (uint8_t)begun;
            proxy->have = 0;
        }
        if (result == PARSE_OK)
            take_byte(proxy, side, reader_u8(&in));
        else if (result == PARSE_BAD)
            proxy->state = OVER;
        if (result == PARSE_OK && ++proxy->used >= PROXY_PRELUDE_MAX)
            proxy->state = OVER;
    }
    *used = len - reader_left(&in);
    return proxy->state == OVER ? PARSE_OK : PARSE_MORE;
}

enum parse_result proxy_push(struct proxy *proxy, enum side side, const uint8_t *data, size_t len,
                             size_t *used) {
    enum parse_result result;
    size_t part;
    *used = 0;
    do {
        result = proxy_push_part(proxy, side, data + *used, len - *used, &part);
        *used += part;
    } while (result == PARSE_MORE && part > 0 && *used < len);
    return result;
}
