<?php
declare(strict_types=1);

namespace cohortstream_setup;

use stdClass;
use webservice;

/** Web services, the external service and what it offers. */
final class service {
    private const NAME = 'cohortstream';
    /** Never offered, whatever the settings: the product refuses to start with a token that could do it. */
    public const FORBIDDEN = 'core_cohort_delete_cohorts';

    public function __construct(private journal $journal, private options $options) {
    }

    /** By hand: Site administration > Advanced features; > Server > Web services > Manage protocols. */
    public function enable_web_services(): void {
        global $CFG;
        $this->journal->step('Web services', 'optionalsubsystems');
        foreach (['enablewebservices', ...($this->options->by_profile() ? ['enablecustomreports'] : [])] as $setting) {
            if (!empty($CFG->$setting)) {
                $this->journal->right("$setting is on");
                continue;
            }
            $this->journal->change("switch $setting on", function () use ($setting): void {
                add_to_config_log($setting, '0', '1', null);
                set_config($setting, 1);
            });
        }
        $this->journal->step('The REST protocol', 'webserviceprotocols');
        if (in_array('rest', explode(',', $CFG->webserviceprotocols ?? ''), true)) {
            $this->journal->right('REST is on');
        } else {
            $this->journal->change('switch REST on', fn() => \core\plugininfo\webservice::enable_plugin('rest', 1));
        }
        if (!str_starts_with($CFG->wwwroot, 'https://')) {
            $this->journal->note("$CFG->wwwroot is not https: anybody on the way can read the token");
        }
    }

    /** @return string[] what the product calls, and nothing else */
    public function functions(): array {
        return [
            'core_webservice_get_site_info',
            'core_cohort_search_cohorts',
            'core_cohort_get_cohorts',
            'core_cohort_get_cohort_members',
            'core_cohort_add_cohort_members',
            'core_cohort_delete_cohort_members',
            ...($this->options->no_create ? [] : ['core_cohort_create_cohorts']),
            'core_user_get_users_by_field',
            ...($this->options->name_search ? ['core_user_get_users'] : []),
            ...($this->options->by_profile() ? [
                'core_reportbuilder_list_reports',
                'core_reportbuilder_retrieve_report',
                'core_reportbuilder_filters_reset',
            ] : []),
        ];
    }

    /**
     * By hand: Site administration > Server > Web services > External services > Add; then Functions, Authorised users.
     *
     * @return stdClass|null the service's row; null in a dry run that would make it
     */
    public function prepare(?stdClass $user): ?stdClass {
        global $DB;
        $this->journal->step('The external service ' . self::NAME, 'externalservices', get_string('add'));
        $webservices = new webservice();
        $service = $DB->get_record('external_services', ['shortname' => self::NAME]) ?: null;
        $wanted = ['name' => self::NAME, 'shortname' => self::NAME, 'enabled' => 1, 'restrictedusers' => 1,
            'downloadfiles' => 0, 'uploadfiles' => 0, 'requiredcapability' => ''];
        if ($service === null) {
            $this->journal->change('make it, for authorised users only', function () use ($webservices, $wanted): void {
                $id = $webservices->add_external_service((object) $wanted);
                \core\event\webservice_service_created::create(['objectid' => $id])->trigger();
            });
            $service = $DB->get_record('external_services', ['shortname' => self::NAME]) ?: null;
        } else {
            $wrong = array_filter($wanted, fn($value, $key) => (string) $service->$key !== (string) $value, ARRAY_FILTER_USE_BOTH);
            if ($wrong === []) {
                $this->journal->right('it exists, enabled, for authorised users only');
            } else {
                $this->journal->change('set ' . http_build_query($wrong, '', ', '),
                    fn() => $webservices->update_external_service((object) (['id' => $service->id] + $wanted)));
            }
        }
        $this->offer($webservices, (int) ($service->id ?? 0));
        $this->authorise($webservices, (int) ($service->id ?? 0), (int) ($user->id ?? 0));
        return $service;
    }

    private function offer(webservice $webservices, int $id): void {
        global $DB;
        $this->journal->step('What the service offers', 'externalservices', get_string('functions', 'webservice'));
        $held = $DB->get_fieldset_select('external_services_functions', 'functionname', 'externalserviceid = ?', [$id]);
        foreach ($this->functions() as $function) {
            if (in_array($function, $held, true)) {
                $this->journal->right($function);
            } else {
                $this->journal->change("add $function", fn() => $webservices->add_external_function_to_service($function, $id));
            }
        }
        foreach (array_diff($held, $this->functions()) as $function) {
            $why = $function === self::FORBIDDEN ? 'no cohort is ever deleted by a program' : 'not needed';
            $this->journal->change("take out $function: $why",
                fn() => $webservices->remove_external_function_from_service($function, $id));
        }
    }

    /**
     * "Valid until" stays empty here: when a function is called, Moodle compares this date the wrong way round, and one
     * in the future locks the user out. The end of the permission belongs to the token.
     */
    private function authorise(webservice $webservices, int $serviceid, int $userid): void {
        global $DB;
        $this->journal->step('Who may use the service', 'externalservices', get_string('serviceusers', 'webservice'));
        $held = $DB->get_record('external_services_users', ['externalserviceid' => $serviceid, 'userid' => $userid]);
        if (!$held) {
            $this->journal->change("authorise {$this->options->user}", function () use ($webservices, $serviceid, $userid): void {
                $webservices->add_ws_authorised_user((object) ['externalserviceid' => $serviceid, 'userid' => $userid]);
                \core\event\webservice_service_user_added::create(['objectid' => $serviceid, 'relateduserid' => $userid])->trigger();
            });
        } else if (!empty($held->validuntil)) {
            $this->journal->change('clear "' . get_string('validuntil', 'webservice') . '": a date there locks the user out',
                fn() => $DB->set_field('external_services_users', 'validuntil', null, ['id' => $held->id]));
        } else {
            $this->journal->right("{$this->options->user} is authorised, without an end");
        }
        if (!empty($held->iprestriction)) {
            $this->journal->note("only from $held->iprestriction (IP restriction of the authorised user)");
        }
        $others = $DB->count_records_select('external_services_users', 'externalserviceid = ? AND userid <> ?', [$serviceid, $userid]);
        if ($others > 0) {
            $this->journal->note("$others more user(s) are authorised for this service");
        }
    }
}
