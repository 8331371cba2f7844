#include "record_answers.h"

#include <stdlib.h>

struct answer {
    struct record_frame *frames;
    size_t size;
    uint64_t file_number; /* of the file that it was written to; 0: none */
};

struct record_answers {
    struct answer ring[RECORD_ANSWERS_MAX]; /* by number */
    uint64_t oldest, next;                  /* numbers */
    size_t size;
};

struct record_answers *record_answers_new(void) {
    struct record_answers *answers = calloc(1, sizeof *answers);
    if (answers)
        answers->oldest = answers->next = 1;
    return answers;
}

static struct answer *answer_at(struct record_answers *answers, uint64_t number) {
    return &answers->ring[number % RECORD_ANSWERS_MAX];
}

static void forget_oldest(struct record_answers *answers) {
    struct answer *answer = answer_at(answers, answers->oldest++);
    answers->size -= answer->size;
    record_frames_free(answer->frames);
    *answer = (struct answer){0};
}

void record_answers_free(struct record_answers *answers) {
    if (!answers)
        return;
    while (answers->oldest < answers->next)
        forget_oldest(answers);
    free(answers);
}

size_t record_answers_size(const struct record_answers *answers) {
    return answers->size;
}

uint64_t record_answers_keep(struct record_answers *answers, struct record_frame *frames) {
    struct answer answer = {.frames = frames, .size = record_frames_size(frames)};
    while (answers->oldest < answers->next && (answers->next - answers->oldest == RECORD_ANSWERS_MAX ||
                                               answers->size + answer.size > RECORD_ANSWERS_BYTES))
        forget_oldest(answers);
    *answer_at(answers, answers->next) = answer;
    answers->size += answer.size;
    return answers->next++;
}

const struct record_frame *record_answers_once(struct record_answers *answers, uint64_t number,
                                               uint64_t file_number) {
    if (number < answers->oldest || number >= answers->next)
        return NULL;
    struct answer *answer = answer_at(answers, number);
    if (answer->file_number == file_number)
        return NULL;
    answer->file_number = file_number;
    return answer->frames;
}
