<?php
declare(strict_types=1);

namespace cohortstream_setup;

use context;
use context_coursecat;
use context_helper;
use context_system;
use stdClass;

/** The role: exactly the rights that the product uses, at the places where it uses them. */
final class rights {
    private const ROLE = 'cohortstream';
    private const WRITER = 'cohortstream_category';

    public function __construct(private journal $journal, private options $options, private ?stdClass $user) {
    }

    /** By hand: Site administration > Users > Permissions > Define roles, then > Assign system roles. */
    public function prepare(): void {
        $writing = $this->writing();
        $categories = $this->categories();
        $here = $categories === [] ? [...$this->reading(), ...$writing] : $this->reading();
        $this->role(self::ROLE, $here, CONTEXT_SYSTEM, [context_system::instance()]);
        // Looked after once it exists, so that leaving --category out takes the old places back.
        if ($categories !== [] || self::named(self::WRITER)) {
            $this->role(self::WRITER, $writing, CONTEXT_COURSECAT, $categories);
        }
        $this->report_other_roles();
    }

    /** @return string[] needed at the system */
    public function reading(): array {
        $rights = [
            'webservice/rest:use',         // call REST at all
            'moodle/cohort:view',          // find cohorts, read members; site-wide, else listing all of them fails
            'moodle/user:viewdetails',     // look users up ...
            'moodle/user:viewalldetails',  // ... by user name, ID number, or a profile field that not everybody sees
        ];
        if ($this->options->name_search) {
            $rights[] = 'moodle/site:viewfullnames';  // else a search by name finds nobody, without a word
        }
        return match ($this->options->match) {
            'profile' => [...$rights, 'moodle/reportbuilder:view'],   // read the report that maps field to user
            'email' => [...$rights, 'moodle/site:viewuseridentity'],  // look users up by a hidden e-mail address
            default => $rights,
        };
    }

    /** @return string[] needed where the cohorts are: the system, or some course categories */
    private function writing(): array {
        $assign = ['moodle/cohort:assign'];  // add and remove members
        // Moodle has no smaller right to create a cohort. It would also allow deleting one: the service leaves that out.
        return $this->options->no_create ? $assign : [...$assign, 'moodle/cohort:manage'];
    }

    /** @return context[] */
    private function categories(): array {
        global $DB;
        return array_map(function (string $idnumber) use ($DB): context {
            $ids = $DB->get_fieldset_select('course_categories', 'id', 'idnumber = ?', [$idnumber]);
            return count($ids) === 1 ? context_coursecat::instance((int) $ids[0])
                : fail(count($ids) . " course categories have the ID number $idnumber");
        }, array_values(array_unique($this->options->category)));
    }

    private static function named(string $shortname): int {
        global $DB;
        return (int) $DB->get_field('role', 'id', ['shortname' => $shortname]);
    }

    /** @param context[] $places where the service user has the role */
    private function role(string $shortname, array $rights, int $level, array $places): void {
        global $DB;
        $this->journal->step("The role $shortname", 'defineroles', get_string('addrole', 'role'));
        $system = context_system::instance();
        if (self::named($shortname) === 0) {
            $this->journal->change("make the role $shortname",
                fn() => create_role($shortname, $shortname, 'What cohortstream needs, no more. Kept by its set-up script.'));
        }
        $id = self::named($shortname);
        if (array_values(get_role_contextlevels($id)) != [$level]) {
            $this->journal->change('let it be assigned at: ' . context_helper::get_level_name($level),
                fn() => set_role_contextlevels($id, [$level]));
        }
        $held = $DB->get_records_menu('role_capabilities', ['roleid' => $id, 'contextid' => $system->id], 'capability',
            'capability, permission');
        foreach ($rights as $right) {
            if ((int) ($held[$right] ?? 0) === CAP_ALLOW) {
                $this->journal->right("allows $right");
            } else {
                $this->journal->change("allow $right", fn() => assign_capability($right, CAP_ALLOW, $id, $system, true));
            }
        }
        foreach (array_diff(array_keys($held), $rights) as $right) {
            $this->journal->change("take out $right: not needed", fn() => unassign_capability($right, $id, $system));
        }
        $this->assign($shortname, $id, $places);
    }

    /** @param context[] $places */
    private function assign(string $shortname, int $id, array $places): void {
        global $DB;
        $page = $shortname === self::ROLE ? 'assignroles' : 'coursemgmt';
        $this->journal->step("Who has the role $shortname", $page, $page === 'coursemgmt' ? get_string('assignroles', 'role') : '');
        $userid = (int) ($this->user->id ?? 0);
        $held = $DB->get_records_menu('role_assignments', ['roleid' => $id, 'userid' => $userid], 'id', 'id, contextid');
        foreach ($places as $place) {
            $where = "{$this->options->user} at: " . $place->get_context_name();
            if (in_array($place->id, $held)) {
                $this->journal->right($where);
            } else {
                $this->journal->change("assign it to $where", fn() => role_assign($id, $userid, $place->id));
            }
        }
        foreach (array_diff($held, array_column($places, 'id')) as $contextid) {
            $where = "{$this->options->user} at: " . context::instance_by_id((int) $contextid)->get_context_name();
            $this->journal->change("take it from $where", fn() => role_unassign($id, $userid, $contextid));
        }
        $others = $DB->count_records_select('role_assignments', 'roleid = ? AND userid <> ?', [$id, $userid]);
        if ($others > 0) {
            $this->journal->note("$others more assignment(s) of this role, to other users");
        }
    }

    /** Rights that came from elsewhere are the administrator's business; but a token that can more than it must is worth a word. */
    private function report_other_roles(): void {
        global $DB;
        $sql = 'SELECT DISTINCT r.shortname FROM {role_assignments} a JOIN {role} r ON r.id = a.roleid
                 WHERE a.userid = ? AND r.shortname NOT IN (?, ?)';
        foreach ($DB->get_fieldset_sql($sql, [(int) ($this->user->id ?? 0), self::ROLE, self::WRITER]) as $other) {
            $this->journal->note("{$this->options->user} also has the role $other: more rights than needed");
        }
    }
}
