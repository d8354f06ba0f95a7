<?php
declare(strict_types=1);

namespace cohortstream_setup;

use curl;

/** Tries the result from outside: the calls that the product makes, over HTTP, with the token. Changes nothing. */
final class check {
    /** @var string[] titles of the report's columns as the product will see them */
    public array $headers = [];

    public function __construct(private journal $journal, private options $options, private string $token) {
    }

    /** @param string[] $functions what the service should offer */
    public function run(array $functions, ?int $reportid): void {
        global $CFG;
        $this->journal->step("Trying it: $CFG->wwwroot/webservice/rest/server.php");
        $site = $this->call('core_webservice_get_site_info');
        if ($site === null) {
            return;
        }
        $offered = array_column($site['functions'] ?? [], 'name');
        sort($offered);
        sort($functions);
        if ($offered === $functions) {
            $this->journal->right('Moodle ' . $site['release'] . ' offers exactly the ' . count($functions) . ' functions');
        } else {
            $this->journal->fault('the token does not offer: ' . (implode(', ', array_diff($functions, $offered)) ?: '-')
                . '; it offers beyond need: ' . (implode(', ', array_diff($offered, $functions)) ?: '-'));
        }
        // Site info succeeds for a broken account too; what follows checks a context, and so the account.
        $found = $this->call('core_cohort_search_cohorts', ['query' => '', 'includes' => 'all', 'limitnum' => 1,
            'context' => ['contextlevel' => 'system', 'instanceid' => 0]]);
        if ($found !== null) {
            $this->journal->right('cohorts can be read');
        }
        $users = $this->call('core_user_get_users_by_field', ['field' => 'username', 'values' => [$this->options->user]]);
        if ($users !== null && count($users) === 1) {
            $this->journal->right('users can be looked up by user name');
        } else if ($users !== null) {
            $this->journal->fault('users cannot be looked up by user name; is moodle/user:viewalldetails prohibited by another role?');
        }
        if (in_array('core_user_get_users', $functions, true)) {
            $this->search_by_name();
        }
        if ($reportid !== null) {
            $this->report($reportid);
        }
    }

    /** Moodle leaves out, without a word, every user whose name the caller may not see. */
    private function search_by_name(): void {
        global $DB;
        $name = $DB->get_field('user', 'lastname', ['username' => $this->options->user, 'deleted' => 0], MUST_EXIST);
        $found = $this->call('core_user_get_users', ['criteria' => [['key' => 'lastname', 'value' => $name]]]);
        if ($found !== null && $found['users'] === []) {
            $this->journal->fault('searching users by name finds nobody; is moodle/site:viewfullnames prohibited by another role?');
        } else if ($found !== null) {
            $this->journal->right('users can be searched by name');
        }
    }

    private function report(int $id): void {
        global $CFG, $DB;
        $listed = $this->call('core_reportbuilder_list_reports', ['perpage' => 1000]);
        if ($listed !== null && !in_array($id, array_column($listed['reports'], 'id'))) {
            $this->journal->fault("report $id is not in the list of reports of this user");
        }
        if ($this->call('core_reportbuilder_filters_reset', ['reportid' => $id]) === null) {
            return;
        }
        $data = $this->call('core_reportbuilder_retrieve_report', ['reportid' => $id, 'page' => 0, 'perpage' => 10])['data'] ?? null;
        if ($data === null) {
            return;
        }
        $accounts = $DB->count_records_select('user', 'deleted = 0 AND id <> ?', [$CFG->siteguest]);
        if (count($data['headers']) !== 2) {
            $this->journal->fault('the report shows the columns ' . implode(', ', $data['headers']) . ': is the field visible to the user?');
        } else if (abs((int) $data['totalrowcount'] - $accounts) > max(5, $accounts / 100)) {
            // Not exactly equal: accounts come and go while this runs.
            $this->journal->fault("the report has $data[totalrowcount] rows for $accounts accounts: something hides some of them");
        } else {
            $this->headers = $data['headers'];
            $this->journal->right("the report has $data[totalrowcount] rows: " . implode(', ', $data['headers']));
        }
    }

    /** One call; null when it failed, which has been said then. */
    private function call(string $function, array $parameters = []): ?array {
        global $CFG;
        $control = ['wstoken' => $this->token, 'wsfunction' => $function, 'moodlewsrestformat' => 'json'];
        // The site calls itself; its protection against calls to inside addresses would refuse that.
        $curl = new curl(['ignoresecurity' => true]);
        $body = $curl->post("$CFG->wwwroot/webservice/rest/server.php", http_build_query($control + $parameters, '', '&'),
            ['CURLOPT_FOLLOWLOCATION' => 0, 'CURLOPT_CONNECTTIMEOUT' => 10, 'CURLOPT_TIMEOUT' => 120]);
        if ($curl->get_errno()) {
            $this->journal->fault("this server does not reach $CFG->wwwroot ($curl->error); use --no-verify, and let "
                . '"cohortstream check" try it from where the product runs');
            return null;
        }
        $answer = json_decode((string) $body, true);
        if ($answer === true) {
            return [];  // filters_reset answers a bare true
        }
        if (!is_array($answer) || isset($answer['errorcode'])) {
            $what = is_array($answer) ? "$answer[errorcode]: " . ($answer['debuginfo'] ?? $answer['message'])
                : 'HTTP ' . ($curl->get_info()['http_code'] ?? '?') . ', not JSON';
            $this->journal->fault("$function: $what");
            return null;
        }
        return $answer;
    }
}
