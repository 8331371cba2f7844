/* Fuzzes the reader of MTA-STS policies: the input is the text of one file. A policy that comes out keeps the
 * promises of its header; what is wrong is told with a line that there is. */
#include <stdlib.h>
#include <string.h>

#include "../../sensor/judge/mta_sts.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void require(bool condition) {
    if (!condition)
        abort();
}

static size_t num_lines(const char *text, size_t len) {
    size_t num = 1;
    for (size_t i = 0; i < len; i++)
        num += text[i] == '\n';
    return num;
}

static void check_policy(const struct mta_sts_policy *policy) {
    require(strcmp(policy->mode, "enforce") == 0 || strcmp(policy->mode, "testing") == 0 ||
            strcmp(policy->mode, "none") == 0);
    require(policy->num_mx <= MTA_STS_MX_MAX && (policy->num_mx > 0 || strcmp(policy->mode, "none") == 0));
    for (size_t i = 0; i < policy->num_mx; i++) {
        const char *mx = policy->mx[i];
        require(strpbrk(mx, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
        if (mx[0] != '*') /* a name is one of its own pattern's */
            require(mta_sts_has_mx(policy, mx));
    }
    (void)mta_sts_has_mx(policy, "mx.example.org");
    (void)mta_sts_has_mx(policy, "");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len) {
    struct mta_sts_policy policy = {0};
    const char *wrong = NULL, *text = len > 0 ? (const char *)data : "";
    unsigned line = 0;
    if (mta_sts_parse(text, len, &policy, &line, &wrong)) {
        check_policy(&policy);
        mta_sts_policy_cleanup(&policy);
    } else {
        require(wrong && line <= num_lines(text, len));
    }
    return 0;
}
