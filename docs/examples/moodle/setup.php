<?php
/**
 * Sets up Moodle's side for cohortstream, and says what it did.
 *
 * Promises: a second run changes nothing; with --dry-run nothing is changed at all; rights and functions end up exactly
 * as the files beside this one list them, no more; the service never offers the deletion of cohorts. It goes through
 * Moodle's own functions, touches only what is named "cohortstream" and three site settings, and needs Moodle 4.2 or
 * newer. Every step prints where the same is done by hand; that path is read from the site's administration menu,
 * hence in the site's language.
 *
 * Run it on Moodle's server as the user that the web server runs as:
 *
 *     sudo -u www-data php setup.php --moodle=/var/www/moodle --field=student_number --token-file=/var/lib/cs/token
 *
 * "By hand" is told in docs/how-to/set-up-moodle.md.
 */

declare(strict_types=1);

namespace cohortstream_setup;

define('CLI_SCRIPT', true);

foreach (['journal', 'options', 'account', 'rights', 'service', 'token', 'directory', 'check'] as $part) {
    require_once(__DIR__ . "/setup/$part.php");
}

/** The folder with Moodle's config.php: the given one, or this one, or the nearest above. */
function find_moodle(string $given): string {
    for ($folder = $given ?: (string) getcwd();; $folder = dirname($folder)) {
        if (is_file("$folder/config.php") && str_contains((string) file_get_contents("$folder/config.php"), 'lib/setup.php')) {
            return $folder;
        }
        if ($given !== '' || $folder === dirname($folder)) {
            fail(($given ?: 'this folder') . ' holds no readable config.php of Moodle; say where it is: --moodle=/path');
        }
    }
}

function run(options $options): int {
    global $CFG;
    if ((int) $CFG->branch < 402) {
        fail("this is Moodle $CFG->release; 4.2 or newer is needed");
    }
    if (moodle_needs_upgrading()) {
        fail('Moodle waits for its upgrade; finish that first');
    }
    // Reports and tokens need an author; on the command line that is the main administrator.
    \core\session\manager::set_user(get_admin());
    $journal = new journal($options->dry_run);
    $service = new service($journal, $options);
    $directory = new directory($journal, $options);
    $token = new token($journal, $options);

    if ($options->by_profile()) {
        $directory->check_field();
    }
    $service->enable_web_services();
    $user = (new account($journal, $options))->prepare();
    (new rights($journal, $options, $user))->prepare();
    $offered = $service->prepare($user);
    $reportid = $options->by_profile() ? $directory->prepare($user) : null;
    $secret = $token->prepare($offered, $user);
    if ($token->bound) {
        $journal->note('not tried from here, since the token works from some addresses only: use "cohortstream check"');
    }
    $tried = $secret !== null && !$options->no_verify && !$token->bound && !($options->dry_run && $journal->changes > 0);
    $check = new check($journal, $options, (string) $secret);
    if ($tried) {
        $check->run($service->functions(), $reportid);
    }

    echo "\n", $options->dry_run ? "$journal->changes change(s) would be made" : "$journal->changes change(s) made";
    echo $journal->faults > 0 ? ", $journal->faults check(s) FAILED\n" : ($tried ? ", all checks passed\n" : ", not tried\n");
    echo "\nFor the product's settings:\n  url = \"$CFG->wwwroot\"\n";
    if ($reportid !== null) {
        echo "  report_id = $reportid\n";
    }
    foreach ($check->headers === [] ? [] : array_combine(['username_header', 'field_header'], $check->headers) as $key => $title) {
        echo "  $key = ", json_encode($title, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
    }
    return $journal->faults > 0 ? 1 : ($options->dry_run && $journal->changes > 0 ? 2 : 0);
}

$options = new options(array_slice($argv, 1));
require(find_moodle($options->moodle) . '/config.php');
require_once($CFG->libdir . '/adminlib.php');
require_once($CFG->libdir . '/filelib.php');
require_once($CFG->dirroot . '/user/lib.php');
require_once($CFG->dirroot . '/user/profile/lib.php');
require_once($CFG->dirroot . '/webservice/lib.php');
exit(run($options));
