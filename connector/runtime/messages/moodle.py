"""Messages about Moodle: CS4xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class MoodleMessage(Entry):
    """What a Moodle site may answer."""

    UNREACHABLE = (
        "CS4001",
        "Moodle at {url} cannot be reached: {reason}.",
        "Check the site, the proxy and the certificate authority. Work resumes by itself.",
    )
    TOKEN_REFUSED = (
        "CS4002",
        "Moodle at {url} refuses the token: {reason}.",
        "Make a new token for the service user and put it where the settings read it; it is taken without a restart.",
    )
    DELETES_COHORTS = (
        "CS4003",
        "The token's service offers core_cohort_delete_cohorts.",
        "Remove that function from the service: this product never deletes a cohort and refuses a token that could.",
    )
    FUNCTION_MISSING = (
        "CS4004",
        "The token's service lacks {functions}.",
        "Add it to the external service, under Site administration > Server > Web services > External services.",
    )
    CAPABILITY_MISSING = (
        "CS4005",
        "The service user lacks the capability for {function}: {reason}.",
        "Allow it in the role of the service user, in the system context.",
    )
    DOWN = (
        "CS4010",
        "Moodle, or the web server before it, does not work at the moment ({function}: {reason}).",
        "Work resumes by itself when it is back. If it lasts, see the web server's error log.",
    )
    DATABASE_DOWN = (
        "CS4011",
        "Moodle has trouble with its database ({function}: {reason}).",
        "Work resumes by itself when it is back.",
    )
    MAINTENANCE = (
        "CS4012",
        "Moodle is in maintenance mode or being upgraded.",
        (
            "Work resumes by itself. In the site's own maintenance mode, not in that of the command line, the capability "
            "moodle/site:maintenanceaccess lets the service user work on."
        ),
    )
    THROTTLED = (
        "CS4013",
        "Something before Moodle limits the number of calls ({function}: {reason}).",
        "Exempt this client's address, or make fewer calls at a time.",
    )
    SLOW = (
        "CS4014",
        "Moodle did not answer in time ({function}: {reason}); it may finish the call all the same.",
        "If this lasts, lower call_seconds, or raise the time limit of the gateway.",
    )
    CUT_OFF = (
        "CS4015",
        "The connection broke before the answer was complete ({function}: {reason}); Moodle may finish the call all the same.",
        "What became of it is looked up. If it happens often, look at proxies and at the time limits between here and Moodle.",
    )
    DIED = (
        "CS4016",
        "Moodle broke down in the middle of a call ({function}: {reason}).",
        "See the web server's error log: PHP ran out of memory, or was restarted.",
    )
    GARBLED = (
        "CS4017",
        "The answer is not what Moodle sends ({function}: {reason}).",
        "Open {url} in a browser: a portal or firewall may answer in its place. Switch display_errors off on the server.",
    )
    ANSWER_TOO_LARGE = (
        "CS4018",
        "The answer is larger than the settings allow ({function}).",
        "Raise answer_limit, or lower page_rows.",
    )
    NOT_FOUND = (
        "CS4019",
        "Something that the call names does not exist in Moodle any more ({function}: {reason}).",
        "Nothing, if it was deleted on purpose.",
    )
    REFUSED = (
        "CS4020",
        "Moodle does not accept a value of the call, or did not receive it whole ({function}: {reason}).",
        "In production Moodle does not say which; its debugging setting makes it tell more.",
    )
    CONTENDED = (
        "CS4021",
        "Moodle's database refused to write: another writer met this one, or a value is too long ({function}: {reason}).",
        "Let nothing else write to these cohorts.",
    )
    FORM_TOO_LARGE = (
        "CS4022",
        "The web server or PHP takes no call of this size ({function}: {reason}).",
        "Nothing; smaller calls are made. client_max_body_size and post_max_size are the limits.",
    )
    BLOCKED = (
        "CS4023",
        "Something before Moodle, such as a web application firewall, blocks the call ({function}: {reason}).",
        "Exempt this client from its rules.",
    )
    NO_PERMISSION = (
        "CS4024",
        "The service user lacks a right in the system or in one course category ({function}: {reason}).",
        "Allow it in the role that the service user has there.",
    )
    REPORT_FORBIDDEN = (
        "CS4025",
        "The service user may not view the report ({reason}).",
        "Add it to the report's audience, and allow moodle/reportbuilder:view.",
    )
    ACCESS_DENIED = (
        "CS4026",
        "Moodle does not let the token use the service ({function}: {reason}).",
        (
            "The token has expired or is bound to another address; or the service is off, lacks the function or does not list the "
            "user; or the user lacks webservice/rest:use. Leave the date at the service's user empty: Moodle 4.5 reads it wrongly."
        ),
    )
    SERVICE_USER_BROKEN = (
        "CS4027",
        "The account of the service user is not in order ({function}: {reason}).",
        "It is suspended, not confirmed or not complete, or has a password to change or a site policy to accept.",
    )
    SERVICES_OFF = (
        "CS4028",
        "Web services, or their REST protocol, are switched off in Moodle.",
        "Switch them on: Site administration > Advanced features, and Server > Web services > Manage protocols.",
    )
    WRONG_ADDRESS = (
        "CS4029",
        "There is no Moodle web service at {url} ({reason}).",
        "Write the address exactly as in Moodle's own setting wwwroot: same scheme, host, port and path.",
    )
    FORM_LOST = (
        "CS4030",
        "Moodle answered, but did not see the fields of the call ({function}).",
        "Something between here and Moodle drops the body of the call, or PHP's post_max_size is very small.",
    )
    LOGIN_WANTED = (
        "CS4031",
        "The proxy, or a login page before Moodle, asks for a user name and password ({reason}).",
        "Set proxy_user and proxy_password, or exempt the web services from the login.",
    )
    CERTIFICATE = (
        "CS4032",
        "The certificate of {url} is not trusted.",
        "Name the file of the certificate authority as ca_file, or have the certificate set right.",
    )
    MISUSED = (
        "CS4033",
        "Moodle does not understand the call ({function}: {reason}).",
        "This is a fault of cohortstream, or a Moodle version that it does not know. Report it.",
    )
    TOKEN_UNREADABLE = (
        "CS4034",
        "The token cannot be read ({reason}).",
        "Correct the path, or let the user that runs cohortstream read the file.",
    )
    FORM_CUT = (
        "CS4035",
        "Moodle answered for fewer items than were asked ({function}): PHP's max_input_vars cut the call.",
        "Lower max_input_vars in the settings, or leave it out so that it is measured.",
    )
    BAD_IDNUMBER = (
        "CS4036",
        "A cohort's idnumber is blank or longer than 100 characters.",
        "Change the pattern that makes it.",
    )
    BAD_NAME = (
        "CS4037",
        "A cohort's name is blank or longer than 254 characters.",
        "Change the pattern that makes it.",
    )
    REPORT_COLUMNS = (
        "CS4038",
        "The report lacks {missing}; it shows: {found}.",
        (
            "Compare the titles; they follow the service user's language. A column that the service user may not see vanishes: "
            "allow moodle/user:viewalldetails."
        ),
    )
    REPORT_RESTLESS = (
        "CS4039",
        "The report changed each time while it was read.",
        "Give the report a sorting by username and no filter. What was read before stays in use.",
    )
    DIRECTORY_LOSS = (
        "CS4040",
        "{lost} of {known} students would have no account any more, so the list of accounts is not taken over.",
        (
            "See whether the service user lost a right or the report has a filter. If the accounts are really gone: "
            '"cohortstream accept-directory". What was known stays in use until then.'
        ),
    )
    NOT_ENCRYPTED = (
        "CS4041",
        "The token travels without encryption to {url}.",
        "Use https.",
    )
    TOO_FEW_INPUT_VARS = (
        "CS4042",
        "PHP takes only {found} form fields, less than Moodle itself asks for.",
        "Set max_input_vars to 5000 on the Moodle server. Until then calls are smaller than they could be.",
    )
    OTHER_SITE_URL = (
        "CS4043",
        "The site calls itself {found}, but the settings say {url}.",
        "Write the address as the site does.",
    )
    NO_ACCOUNTS_FOUND = (
        "CS4044",
        "The service user sees no {field} of any account.",
        "Allow moodle/user:viewdetails and moodle/user:viewalldetails, for e-mail moodle/site:viewuseridentity; check the field.",
    )
    NO_FILTER_RESET = (
        "CS4045",
        "The token's service lacks core_reportbuilder_filters_reset.",
        "Add it: a filter that somebody sets for the service user would silently hide students.",
    )
