<?php
declare(strict_types=1);

namespace cohortstream_setup;

use core_reportbuilder\local\helpers\audience as audience_helper;
use core_reportbuilder\local\helpers\report as report_helper;
use core_reportbuilder\local\models\audience;
use core_reportbuilder\local\models\column;
use core_reportbuilder\local\models\filter;
use core_reportbuilder\local\models\report;
use core_reportbuilder\reportbuilder\audience\manual;
use core_user\reportbuilder\datasource\users;
use stdClass;

/** The report that maps the profile field to user names: the only fast way stock Moodle has. */
final class directory {
    private const NAME = 'cohortstream users';

    public function __construct(private journal $journal, private options $options) {
    }

    /** Stops if the field is unknown; tells what in its settings or values will be in the way. */
    public function check_field(): void {
        global $DB;
        $this->journal->step("The profile field {$this->options->field}", 'profilefields');
        $field = $DB->get_record('user_info_field', ['shortname' => $this->options->field]);
        if (!$field) {
            $all = $DB->get_fieldset_select('user_info_field', 'shortname', '1 = 1');
            fail("no profile field {$this->options->field}; there are: " . (implode(', ', $all) ?: 'none'));
        }
        $this->journal->right("\"$field->name\", kind $field->datatype");
        if ($field->datatype !== 'text') {
            $this->journal->note('a report shows fields of this kind the way people read them; use a text field');
        }
        if ($field->datatype === 'text' && (string) $field->param4 !== '') {
            $this->journal->note('the field has a link: the report then holds HTML instead of the number; empty the link');
        }
        if (trim((string) $field->defaultdata) !== '') {
            $this->journal->note("everybody without a value shows as '$field->defaultdata'; empty the default value");
        }
        $this->check_values((int) $field->id);
    }

    /** What cannot be told apart, or does not come through a report as it is stored. */
    private function check_values(int $fieldid): void {
        global $DB;
        $marked = $DB->count_records_select('user_info_data', 'fieldid = ? AND (' . implode(' OR ', array_fill(0, 3,
            $DB->sql_like('data', '?'))) . ')', [$fieldid, '%&%', '%<%', '%>%']);
        if ($marked > 0) {
            $this->journal->note("$marked value(s) hold &, < or >, which a report shows changed; such accounts are not found");
        }
        $value = $DB->sql_compare_text('d.data', 255);
        $sql = "SELECT COUNT(*) FROM (SELECT $value AS value FROM {user_info_data} d JOIN {user} u ON u.id = d.userid
                 WHERE d.fieldid = ? AND u.deleted = 0 AND $value <> ? GROUP BY $value HAVING COUNT(*) > 1) doubled";
        $doubled = $DB->count_records_sql($sql, [$fieldid, '']);
        if ($doubled > 0) {
            $this->journal->note("$doubled value(s) belong to more than one account; nobody is added by such a number");
        }
    }

    /**
     * By hand: Site administration > Reports > Report builder > Custom reports > New report, source Users.
     * "Include default setup" has to be off: it brings a condition that hides suspended accounts.
     *
     * @return int|null the report's id; null in a dry run that would make it
     */
    public function prepare(?stdClass $user): ?int {
        $this->journal->step('The report "' . self::NAME . '"', 'customreports', get_string('newreport', 'core_reportbuilder'));
        $known = ['type' => \core_reportbuilder\local\report\base::TYPE_CUSTOM_REPORT, 'name' => self::NAME, 'source' => users::class];
        $reports = report::get_records($known, 'id');
        if (count($reports) > 1) {
            fail(count($reports) . ' reports are called "' . self::NAME . '"; delete or rename all but one');
        }
        $report = $reports[0] ?? $this->journal->change('make it, source Users, without the default set-up',
            fn() => report_helper::create_report((object) ['name' => self::NAME, 'source' => users::class, 'uniquerows' => 0], false));
        if ($report === null) {
            return null;
        }
        if ($reports !== []) {
            $this->journal->right('it exists, number ' . $report->get('id'));
        }
        $this->arrange((int) $report->get('id'));
        if ($report->get('uniquerows')) {
            $this->journal->change('let it show all rows', fn() => $report->set('uniquerows', false)->update());
        }
        $this->show_to((int) $report->get('id'), $user);
        return (int) $report->get('id');
    }

    /** Two columns in this order, sorted by user name (else pages overlap), and nothing that hides or merges rows. */
    private function arrange(int $id): void {
        $wanted = ['user:username', 'user:profilefield_' . \core_text::strtolower($this->options->field)];
        $columns = column::get_records(['reportid' => $id], 'columnorder');
        $now = array_map(fn(column $c) => [$c->get('uniqueidentifier'), (string) $c->get('aggregation'),
            $c->get('sortenabled') ? (int) $c->get('sortdirection') : 0], $columns);
        if ($now === [[$wanted[0], '', SORT_ASC], [$wanted[1], '', 0]]) {
            $this->journal->right('columns ' . implode(', ', $wanted) . ', sorted by user name');
        } else {
            $this->journal->change('set its columns to ' . implode(', ', $wanted) . ', sorted by user name',
                function () use ($id, $columns, $wanted): void {
                    foreach ($columns as $column) {
                        report_helper::delete_report_column($id, (int) $column->get('id'));
                    }
                    $added = array_map(fn(string $name) => report_helper::add_report_column($id, $name), $wanted);
                    report_helper::toggle_report_column_sorting($id, (int) $added[0]->get('id'), true, SORT_ASC);
                });
        }
        foreach (filter::get_condition_records($id) as $condition) {
            $this->journal->change('remove the condition ' . $condition->get('uniqueidentifier') . ': it hides accounts',
                fn() => report_helper::delete_report_condition($id, (int) $condition->get('id')));
        }
        foreach (filter::get_filter_records($id) as $filter) {
            $this->journal->change('remove the filter ' . $filter->get('uniqueidentifier') . ': one left set shrinks every later reading',
                fn() => report_helper::delete_report_filter($id, (int) $filter->get('id')));
        }
    }

    /** Audience "Manually added users": the service user. */
    private function show_to(int $id, ?stdClass $user): void {
        $this->journal->step('Who may see the report', 'customreports', get_string('audience', 'core_reportbuilder'));
        $userid = (int) ($user->id ?? 0);
        $shown = false;
        foreach (audience_helper::get_base_records($id) as $audience) {
            $ids = $audience instanceof manual ? array_map('intval', $audience->get_configdata()['users'] ?? []) : [];
            $shown = $shown || in_array($userid, $ids, true);
            if ($ids !== [$userid]) {
                $this->journal->note('others see all student numbers too: ' . $audience->get_name());
            }
        }
        if ($shown) {
            $this->journal->right($this->options->user);
        } else {
            $this->journal->change("show it to {$this->options->user}", fn() => manual::create($id, ['users' => [$userid]]));
        }
    }
}
