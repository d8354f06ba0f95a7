#!/bin/sh
# Run by Moodle's container at each start, before it serves: sample accounts, then what a real site runs too.
# The result is not tried from here, since Moodle does not answer yet; "cohortstream check" tries it.
set -eu
php /opt/cohortstream/deploy/sample_site.php
php /opt/cohortstream/setup/setup.php --moodle=/var/www/html --field=student_number \
    --token-file=/run/cohortstream/token --no-verify
