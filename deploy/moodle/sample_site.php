<?php
/**
 * Fills a new Moodle with a profile field for the student number and accounts that match the sample student system.
 * What exists stays. For trying things out only; real sites have their accounts already.
 */

declare(strict_types=1);

define('CLI_SCRIPT', true);

require((getenv('MOODLE_ROOT') ?: '/var/www/html') . '/config.php');
require_once($CFG->dirroot . '/user/lib.php');
require_once($CFG->dirroot . '/user/profile/lib.php');
require_once($CFG->dirroot . '/user/profile/definelib.php');

const STUDENTS = 500;
// The last ones have no account yet, as happens on the first day of a term: their memberships wait.
const WITHOUT_ACCOUNT = 5;

\core\session\manager::set_user(get_admin());

if (!$DB->record_exists('user_info_field', ['shortname' => 'student_number'])) {
    $category = $DB->get_record('user_info_category', [], '*', IGNORE_MULTIPLE)
        ?: (object) ['id' => $DB->insert_record('user_info_category', ['name' => 'Student record', 'sortorder' => 1])];
    $field = (object) [
        'id' => 0, 'datatype' => 'text', 'shortname' => 'student_number', 'name' => 'Student number', 'description' => '',
        'descriptionformat' => FORMAT_HTML, 'categoryid' => $category->id, 'required' => 0, 'locked' => 1,
        'visible' => PROFILE_VISIBLE_NONE, 'forceunique' => 1, 'signup' => 0, 'defaultdata' => '',
        'defaultdataformat' => FORMAT_MOODLE, 'param1' => 20, 'param2' => 20, 'param3' => 0,
    ];
    $definition = new profile_define_base();
    $definition->define_save($field);
    profile_reorder_fields();
    echo "made the profile field student_number\n";
}

$made = 0;
for ($number = 1; $number <= STUDENTS - WITHOUT_ACCOUNT; $number++) {
    $username = sprintf('student%04d', $number);
    if ($DB->record_exists('user', ['username' => $username, 'mnethostid' => $CFG->mnet_localhost_id])) {
        continue;
    }
    $id = user_create_user((object) [
        'username' => $username, 'auth' => 'manual', 'password' => 'not cached', 'confirmed' => 1,
        'mnethostid' => $CFG->mnet_localhost_id, 'firstname' => 'Student', 'lastname' => (string) $number,
        'email' => "$username@example.org", 'emailstop' => 1,
    ], false, false);
    profile_save_custom_fields($id, ['student_number' => sprintf('S%06d', $number)]);
    $made++;
}
echo "made $made accounts\n";
