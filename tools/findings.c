/* Findings of the library, for people and as JSON. */
#include <string.h>

#include "cli.h"

static const char *const states[] = {[LORIS_FINDING_FACT] = "fact",
                                     [LORIS_FINDING_GOOD] = "good",
                                     [LORIS_FINDING_WARNING] = "warning",
                                     [LORIS_FINDING_PROBLEM] = "problem"};

void print_findings(FILE *out, const loris_findings *findings, const char *indent) {
    static const char *const marks[] = {[LORIS_FINDING_FACT] = " ",
                                        [LORIS_FINDING_GOOD] = "+",
                                        [LORIS_FINDING_WARNING] = "?",
                                        [LORIS_FINDING_PROBLEM] = "!"};
    const char *topic = "";
    for (size_t i = 0; i < loris_findings_count(findings); i++) {
        const loris_finding *f = loris_finding_at(findings, i);
        if (strcmp(topic, f->topic) != 0)
            fprintf(out, "%s%s\n", indent, f->topic);
        topic = f->topic;
        fprintf(out, "%s%s %-22s %s%s%s", indent, marks[f->state], f->name, f->value, *f->why ? "; " : "", f->why);
        fprintf(out, *f->link ? "\n%s  %-22s %s\n" : "\n", indent, "", f->link);
    }
}

void print_findings_json(FILE *out, const loris_findings *findings) {
    for (size_t i = 0; i < loris_findings_count(findings); i++) {
        const loris_finding *f = loris_finding_at(findings, i);
        const char *const members[][2] = {{"state", states[f->state]}, {"topic", f->topic}, {"name", f->name},
                                          {"value", f->value},         {"why", f->why},     {"link", f->link}};
        fputs(i ? ",\n  " : "[", out);
        for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
            fprintf(out, "%s\"%s\": ", k ? ", " : "{", members[k][0]);
            write_json_string(out, members[k][1]);
        }
        fputc('}', out);
    }
    fputs(loris_findings_count(findings) ? "]" : "[]", out);
}

loris_finding_state worst_finding(const loris_findings *findings) {
    loris_finding_state worst = LORIS_FINDING_FACT;
    for (size_t i = 0; i < loris_findings_count(findings); i++)
        if (loris_finding_at(findings, i)->state > worst)
            worst = loris_finding_at(findings, i)->state;
    return worst;
}
