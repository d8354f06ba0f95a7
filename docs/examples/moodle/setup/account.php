<?php
declare(strict_types=1);

namespace cohortstream_setup;

use stdClass;

/** The service user: an account that cannot sign in and that Moodle holds to be "fully set up". */
final class account {
    public function __construct(private journal $journal, private options $options) {
    }

    /**
     * By hand: Site administration > Users > Accounts > Add a new user, authentication "Web services authentication".
     *
     * @return stdClass|null the user's row; null in a dry run that would make it
     */
    public function prepare(): ?stdClass {
        global $CFG, $DB;
        $name = $this->options->user;
        $this->journal->step("The service user $name", 'addnewuser', get_string('pluginname', 'auth_webservice'));
        $known = ['username' => $name, 'mnethostid' => $CFG->mnet_localhost_id, 'deleted' => 0];
        $user = $DB->get_record('user', $known) ?: null;
        if ($user === null) {
            $this->journal->change("make the user $name, who cannot sign in",
                fn() => user_create_user((object) ($this->defaults() + $known), false, true));
            $user = $DB->get_record('user', $known) ?: null;
        } else if (is_siteadmin($user) || isguestuser($user)) {
            fail("$name is a site administrator or the guest; the token needs an account of its own");
        } else {
            $this->journal->right("$name exists, authentication $user->auth");
            $this->repair($user);
        }
        if ($user !== null) {
            $this->fill_required_fields($user);
        }
        return $user;
    }

    /**
     * "webservice" has no password and no login page, and its users are not asked to agree to a site policy; any other
     * user is refused everything from the day a policy is published. The plugin itself need not be enabled for tokens
     * to work, and enabling it would open a second door: user name and password.
     */
    private function defaults(): array {
        global $CFG;
        $address = 'cohortstream@' . parse_url($CFG->wwwroot, PHP_URL_HOST);
        return [
            'auth' => 'webservice',
            'confirmed' => 1,
            'suspended' => 0,
            'firstname' => 'cohortstream',
            'lastname' => 'service',
            'email' => $this->options->email ?: (validate_email($address) ? $address : 'cohortstream@localhost.invalid'),
            'emailstop' => 1,  // mail that bounces makes the account "not fully set up", and every call fails
            'maildisplay' => 0,
            'lang' => 'en',    // column titles and messages stay the same whatever the site's language is
            'description' => 'Keeps cohorts in step with the student system. Needed by a program: do not delete.',
        ];
    }

    /** What would keep a token from working on an account that exists; nothing else of it is touched. */
    private function repair(stdClass $user): void {
        $wrong = [];
        foreach (['confirmed', 'suspended', 'firstname', 'lastname', 'email'] as $key) {
            $wanted = $this->defaults()[$key];
            if (is_int($wanted) ? (int) $user->$key !== $wanted : trim($user->$key) === '') {
                $wrong[$key] = $wanted;
            }
        }
        if ($user->auth === 'nologin') {
            $wrong['auth'] = 'webservice';  // else: wsaccessusernologin
        } else if ($user->auth !== 'webservice') {
            $name = get_string('pluginname', 'auth_webservice');
            $this->journal->note("a site policy would stop this user; with the authentication \"$name\" it would not");
        }
        if ($wrong !== []) {
            $this->journal->change('set ' . urldecode(http_build_query($wrong, '', ', ')),
                fn() => user_update_user((object) (['id' => $user->id] + $wrong), false));
        }
        if (get_user_preferences('auth_forcepasswordchange', '0', $user)) {
            $this->journal->change('take back the forced change of password',
                fn() => unset_user_preference('auth_forcepasswordchange', $user));
        }
        if (over_bounce_threshold($user)) {
            $this->journal->change('reset the count of bounced mails', fn() => set_bounce_count($user, true));
        }
    }

    /** A required, unlocked profile field without a value also makes the account "not fully set up". */
    private function fill_required_fields(stdClass $user): void {
        $given = [];
        foreach ($this->options->profile as $pair) {
            [$shortname, $value] = explode(':', $pair, 2) + [1 => ''];
            $given[$shortname] = $value;
        }
        foreach (profile_get_user_fields_with_data((int) $user->id) as $field) {
            if (!$field->is_required() || $field->is_locked() || !$field->is_empty()) {
                continue;
            }
            $shortname = $field->field->shortname;
            // A text gets the user's own name: no student number, and unique where the field has to be.
            $value = $given[$shortname] ?? match ($field->field->datatype) {
                'text', 'textarea', 'social' => $user->username,
                'checkbox' => '1',
                'datetime' => (string) strtotime('2020-01-01 UTC'),
                'menu' => trim((string) strtok((string) $field->field->param1, "\n")),
                default => '',
            };
            if ($value === '') {
                $this->journal->fault("required profile field $shortname has no value; add --profile=$shortname:VALUE");
            } else {
                $this->journal->change("fill the required profile field $shortname with '$value'",
                    fn() => profile_save_custom_fields($user->id, [$shortname => $value]));
            }
        }
    }
}
