"""Cause and fix of each way in which Moodle can refuse, in sentences for the operator."""

from __future__ import annotations

from types import MappingProxyType

EXPLANATIONS = MappingProxyType(
    {
        "MOODLE-UNREACHABLE": "Moodle cannot be reached. Check address, proxy and network; work goes on by itself when it answers.",
        "MOODLE-DOWN": "Moodle, or the web server before it, is not working at the moment. Work goes on by itself when it is back.",
        "MOODLE-DATABASE-DOWN": "Moodle has no connection to its database. Work goes on by itself when it is back.",
        "MOODLE-MAINTENANCE": "Moodle is in maintenance mode or being upgraded. Work goes on by itself afterwards; the capability "
        "moodle/site:maintenanceaccess would let the service user work on.",
        "MOODLE-THROTTLED": "Something before Moodle limits the number of calls. Exempt this client's address, or make fewer calls at a time.",
        "MOODLE-SLOW": "Moodle did not answer in time, and may finish the call all the same. If this lasts, lower call_seconds, or "
        "raise the time limits of the gateway.",
        "MOODLE-CUT-OFF": "The connection broke before the answer was complete. Moodle may have finished the call.",
        "MOODLE-DIED": "Moodle broke down in the middle of the call (its PHP ran out of memory, or was restarted). See the web server's error log.",
        "MOODLE-GARBLED": "The answer is not what Moodle sends: something before it (a portal, a firewall), or warnings printed into "
        "the answer. Open the address in a browser; switch display_errors off on the server.",
        "MOODLE-ANSWER-TOO-LARGE": "The answer is larger than answer_limit allows. Raise it, or lower the number of rows a call.",
        "MOODLE-NOT-FOUND": "A cohort, user or report that the call names does not exist in Moodle (any more).",
        "MOODLE-NO-SUCH-USER": "A user that the call names does not exist in Moodle, or has been deleted there.",
        "MOODLE-REFUSED": "Moodle does not accept a value in the call, or the call did not arrive whole. In production Moodle does not "
        "say which; debugging on the Moodle site would.",
        "MOODLE-CONTENDED": "Moodle's database refused to write: another writer changed the same cohort at the same moment, or a value is too long.",
        "MOODLE-FORM-TOO-LARGE": "The web server or PHP takes no request of this size (client_max_body_size, post_max_size). Smaller calls are made.",
        "MOODLE-BLOCKED": "Something before Moodle, such as a web application firewall, blocks this call. Exempt this client from its rules.",
        "MOODLE-NO-PERMISSION": "The service user lacks a capability in the context of this cohort (the system, or one course category). "
        "Grant it there by the role of the service user.",
        "MOODLE-REPORT-FORBIDDEN": "The service user may not view the report. Add it to the report's audience and grant moodle/reportbuilder:view.",
        "MOODLE-TOKEN-UNKNOWN": "Moodle does not know the token: it was deleted, has expired, or belongs to another site. Make a new one "
        "and put it in place of the old; it is read again by itself.",
        "MOODLE-ACCESS-DENIED": "Moodle does not let the token use the service: the token has expired or is bound to another address, the "
        "service is switched off, lacks the function, or does not list the service user, or the user lacks webservice/rest:use. "
        "Leave 'valid until' of the service's user empty: Moodle 4.5 reads it the wrong way round.",
        "MOODLE-SERVICE-USER": "The account of the service user is not in order: suspended, not confirmed, profile not complete, password to "
        "be changed, or site policy not agreed. Log in as that user once, or have its account set right.",
        "MOODLE-SERVICES-OFF": "Web services, or the REST protocol, are switched off in Moodle. Switch them on: Site administration > "
        "General > Advanced features, and Server > Web services > Manage protocols.",
        "MOODLE-WRONG-ADDRESS": "There is no Moodle web service at this address. Moodle answers only at the address in its own settings "
        "(wwwroot): same scheme, host, port and path.",
        "MOODLE-FORM-LOST": "Moodle answered, but did not see the fields of the call. Something on the way drops the request's body, or "
        "PHP's post_max_size is very small.",
        "MOODLE-PROXY-LOGIN": "The proxy, or a login before Moodle, asks for a user name and password.",
        "MOODLE-CERTIFICATE": "Moodle's certificate is not trusted. Give the certificate authority's file as ca_file, or have the certificate set right.",
        "MOODLE-MISUSED": "Moodle does not understand the call. This is a fault of this program, or of a Moodle version that it does not know.",
        "MOODLE-TOKEN-UNREADABLE": "The token cannot be read from its file.",
        "MOODLE-CUT-FORM": "Moodle answered for fewer items than were asked: PHP's max_input_vars cut the form. Lower max_input_vars in the settings.",
        "MOODLE-BAD-IDNUMBER": "The cohort's idnumber is blank or longer than 100 characters. Change the pattern that makes it.",
        "MOODLE-BAD-NAME": "The cohort's name is blank or longer than 254 characters. Change the pattern that makes it.",
        "MOODLE-REPORT-SHAPE": "The report does not have the columns that the settings name. Columns that the service user may not see vanish "
        "without a word: grant moodle/user:viewalldetails, and compare the titles, which follow the language of the service user.",
        "MOODLE-REPORT-RESTLESS": "The report changed each time while it was being read. The previous content stays in use.",
    }
)


def explain(code: str) -> str:
    """Cause and fix for ``code``."""
    return EXPLANATIONS[code]
