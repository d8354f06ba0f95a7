"""What to do about each reason to park, in a sentence for whoever looks at what waits."""

from __future__ import annotations

from collections.abc import Mapping

from consumers.cohorts.reasons import Reason

REMEDIES: Mapping[str, str] = {
    Reason.NO_ACCOUNT: (
        "No account in Moodle has the key. If the account will come, nothing: it is looked for. "
        'Otherwise compare the key with the field in Moodle, and look at "normalise" in the settings.'
    ),
    Reason.AMBIGUOUS: "Several accounts have the key. Correct the field of all but one; the rest happens by itself.",
    Reason.ROW_REFUSED: (
        'Moodle refuses this row. "cohortstream explain" shows its answer; when the cause is removed, '
        '"cohortstream replay" for the cohort tries again.'
    ),
    Reason.COHORT_UNANNOUNCED: "The cohort's own record has not come yet. If it lasts, take a snapshot of the source.",
    Reason.COLLIDING: (
        "Moodle's database may hold the idnumber equal to another one. Change the pattern, or the data, so that they "
        "differ by more than case, accents or trailing blanks."
    ),
    Reason.CATEGORY_MISSING: (
        "Moodle has no course category with the idnumber that the pattern names, or the service user has no rights "
        "there. Make it, or correct the pattern; it is tried again by itself."
    ),
    Reason.COHORT_REFUSED: "Moodle refuses to make the cohort. See Moodle's log; it is tried again by itself.",
    Reason.COHORT_FORBIDDEN: "Give the service user its role in the category where the cohort is; it is tried again.",
    Reason.COHORT_DOUBLED: "Several cohorts in Moodle carry the idnumber. Empty it in all but one.",
    Reason.COHORT_GONE: (
        'A person deleted the cohort in Moodle. "cohortstream recreate" makes it anew; one made by hand with its '
        "idnumber is found."
    ),
    Reason.COHORT_VANISHED: "It vanished from the source before Moodle had it, so it is not made. Nothing to do.",
}
