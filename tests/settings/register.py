"""Which test shows what each key of the configuration does.

A key has a test here, or stands in `NO_EFFECT` (config/checks.py) with its reason, or belongs to a
storage driver that this version refuses. Entries of lists are written as `[]`. A word that ends in
`*` is everything below a section, for sections that are refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SETTINGS = "tests/settings/"
WIRE = "tests/wire/"

TESTS: Mapping[str, str] = {
    f"{SETTINGS}test_refused.py::test_the_start_is_refused_in_one_line_that_names_the_key": """
        version proxy.*
        middleware.registry[].name middleware.registry[].options
        middleware.repository[].name middleware.repository[].options
        middleware.storage[].options.ipfilteredby
        http.tls.ciphersuites http.tls.letsencrypt.*""",
    f"{SETTINGS}test_refused.py::test_steps_of_the_registry_that_are_disabled_are_left_out": """
        middleware.registry[].disabled""",
    "tests/unit/config/test_checks.py::test_what_can_be_served_is_not_refused": """
        middleware.repository[].disabled""",
    f"{SETTINGS}test_logging.py::test_without_a_section_requests_are_told_as_text_and_in_the_"
    "access_log": "log.level log.formatter log.accesslog.disabled",
    f"{SETTINGS}test_logging.py::test_below_the_level_nothing_is_told_and_without_an_access_log_"
    "none_is_written": "log.level loglevel log.accesslog.disabled",
    f"{SETTINGS}test_logging.py::test_each_form_carries_the_fields_that_are_set": """
        log.formatter log.fields""",
    f"{SETTINGS}test_listening.py::test_a_socket_in_the_file_system_is_listened_on": """
        http.net http.addr""",
    f"{SETTINGS}test_listening.py::test_http_2_is_spoken_only_where_our_own_switch_says_so": """
        http.http2.enabled http.http2.disabled""",
    f"{SETTINGS}test_listening.py::test_there_are_as_many_workers_as_are_asked_for": "http.workers",
    f"{SETTINGS}test_listening.py::test_servers_share_the_sessions_of_a_folder_if_they_share_a_"
    "secret": "http.secret",
    f"{SETTINGS}test_listening.py::test_without_a_secret_the_folder_keeps_one": """
        http.secret""",
    f"{SETTINGS}test_folder.py::test_the_rootdirectory_of_a_variable_stands_above_that_of_the_"
    "file": """
        storage.filesystem.rootdirectory""",
    f"{SETTINGS}test_limits.py::test_a_body_below_the_least_rate_is_cut_off_after_its_window": """
        limits.leastrate limits.ratewindow""",
    f"{SETTINGS}test_limits.py::test_calls_of_the_file_system_run_in_so_many_threads_and_at_least_"
    "in_25": "storage.filesystem.maxthreads",
    f"{SETTINGS}test_limits.py::test_so_many_tags_are_looked_at_side_by_side_when_a_manifest_"
    "goes": "storage.tag.concurrencylimit",
    f"{SETTINGS}test_middleware.py::test_a_rewrite_changes_what_a_redirect_says_and_what_is_"
    "disabled_nothing": """
        middleware.storage[].name middleware.storage[].disabled
        middleware.storage[].options.scheme middleware.storage[].options.host
        middleware.storage[].options.trimpathprefix middleware.storage[].options.baseurl""",
    f"{SETTINGS}test_middleware.py::test_cloudfront_gets_urls_that_are_signed_and_end": """
        middleware.storage[].options.baseurl middleware.storage[].options.privatekey
        middleware.storage[].options.keypairid middleware.storage[].options.duration""",
    f"{SETTINGS}test_gcs.py::test_where_a_file_is_written": """
        storage.gcs.bucket storage.gcs.rootdirectory storage.gcs.endpoint
        storage.gcs.credentials.universe_domain""",
    f"{SETTINGS}test_gcs.py::test_the_account_is_the_one_of_the_credentials": """
        storage.gcs.credentials.private_key_id storage.gcs.credentials.client_email
        storage.gcs.credentials.token_uri""",
    f"{SETTINGS}test_gcs.py::test_the_private_key_signs_where_clients_are_sent": """
        storage.gcs.credentials.private_key""",
    f"{SETTINGS}test_gcs.py::test_a_keyfile_says_what_credentials_would": "storage.gcs.keyfile",
    f"{SETTINGS}test_gcs.py::test_credentials_of_a_type_that_is_none_are_refused": """
        storage.gcs.credentials.type""",
    f"{SETTINGS}test_gcs.py::test_maxconcurrency_bounds_the_calls_of_a_client": """
        storage.gcs.maxconcurrency""",
    f"{SETTINGS}test_gcs.py::test_chunksize_is_that_of_a_part": "storage.gcs.chunksize",
    f"{SETTINGS}test_gcs.py::test_buffers_bound_the_parts_that_are_sent_side_by_side": """
        storage.gcs.buffers""",
    f"{SETTINGS}test_azure.py::test_where_a_file_is_written": """
        storage.azure.accountname storage.azure.container storage.azure.realm
        storage.azure.serviceurl storage.azure.rootdirectory storage.azure.connectionstring""",
    f"{SETTINGS}test_azure.py::test_accountkey_signs": "storage.azure.accountkey",
    f"{SETTINGS}test_azure.py::test_an_application_of_the_credentials_asks_for_a_token": """
        storage.azure.credentials.type storage.azure.credentials.clientid
        storage.azure.credentials.tenantid storage.azure.credentials.secret""",
    f"{SETTINGS}test_azure.py::test_skipverify_is_whether_certificates_go_unchecked": """
        storage.azure.skipverify""",
    f"{SETTINGS}test_azure.py::test_max_retries_is_how_often_a_call_is_tried_again": """
        storage.azure.max_retries""",
    f"{SETTINGS}test_azure.py::test_retry_delay_is_the_time_before_the_first_of_these": """
        storage.azure.retry_delay""",
    f"{SETTINGS}test_azure.py::test_chunksize_is_that_of_a_block": "storage.azure.chunksize",
    f"{SETTINGS}test_azure.py::test_buffers_bound_the_blocks_that_are_sent_side_by_side": """
        storage.azure.buffers""",
    f"{SETTINGS}test_purging.py::test_old_uploads_go_unless_it_is_a_dry_run_or_switched_off_or_"
    "they_are_young": """
        storage.maintenance.uploadpurging.enabled storage.maintenance.uploadpurging.age
        storage.maintenance.uploadpurging.interval storage.maintenance.uploadpurging.dryrun""",
    f"{SETTINGS}test_s3.py::test_where_a_file_is_written": """
        storage.s3.bucket storage.s3.region storage.s3.regionendpoint storage.s3.forcepathstyle
        storage.s3.secure storage.s3.usedualstack storage.s3.usefipsendpoint storage.s3.accelerate
        storage.s3.rootdirectory""",
    f"{SETTINGS}test_s3.py::test_what_is_said_of_a_new_object": """
        storage.s3.encrypt storage.s3.keyid storage.s3.storageclass storage.s3.objectacl""",
    f"{SETTINGS}test_s3.py::test_useragent_is_added_to_our_own": "storage.s3.useragent",
    f"{SETTINGS}test_s3.py::test_accesskey_and_secretkey_sign": """
        storage.s3.accesskey storage.s3.secretkey""",
    f"{SETTINGS}test_s3.py::test_skipverify_is_whether_certificates_go_unchecked": """
        storage.s3.skipverify""",
    f"{SETTINGS}test_s3.py::test_redirectendpoint_is_where_clients_are_sent": """
        storage.s3.redirectendpoint""",
    f"{SETTINGS}test_s3.py::test_chunksize_is_that_of_a_part": "storage.s3.chunksize",
    f"{SETTINGS}test_s3.py::test_buffers_bound_the_parts_that_are_sent_side_by_side": """
        storage.s3.buffers""",
    f"{SETTINGS}test_s3.py::test_multipartcopythresholdsize_chunksize_and_maxconcurrency_say_how_"
    "a_copy_is_made": """
        storage.s3.multipartcopythresholdsize storage.s3.multipartcopychunksize
        storage.s3.multipartcopymaxconcurrency""",
    f"{WIRE}test_redirects.py::test_a_blob_is_fetched_where_the_step_says": """
        storage.redirect.disable""",
    f"{SETTINGS}test_health.py::test_a_url_a_port_and_a_file_are_looked_at_as_they_are_written": """
        health.http[].uri health.http[].headers health.http[].statuscode health.http[].timeout
        health.http[].interval health.tcp[].addr health.tcp[].interval health.file[].file
        health.file[].interval""",
    f"{SETTINGS}test_health.py::test_every_key_reaches_its_check_and_has_its_default": """
        health.storagedriver.enabled health.storagedriver.interval health.storagedriver.threshold
        health.http[].threshold health.tcp[].timeout health.tcp[].threshold""",
    "tests/unit/debug/test_health.py::test_a_threshold_is_that_many_failures_in_a_row": """
        health.storagedriver.threshold health.http[].threshold health.tcp[].threshold""",
    f"{WIRE}test_debug.py::test_a_server_that_is_well_says_so": "http.debug.addr",
    f"{WIRE}test_debug.py::test_figures_have_the_original_s_names": """
        http.debug.prometheus.enabled http.debug.prometheus.path""",
    f"{WIRE}test_auth.py::test_who_says_nothing_is_asked_for_a_name": "auth.htpasswd.realm",
    f"{WIRE}test_auth.py::test_a_missing_password_file_is_made_and_told_once": """
        auth.htpasswd.path""",
    f"{WIRE}test_auth.py::test_the_challenge_says_where_to_get_a_token_for_what": """
        auth.token.realm auth.token.service""",
    f"{WIRE}test_auth.py::test_a_token_opens_what_it_names": """
        auth.token.issuer auth.token.rootcertbundle""",
    f"{WIRE}test_auth.py::test_everybody_pulls_what_is_public": """
        auth.policies[].actions auth.policies[].repositories""",
    f"{WIRE}test_auth.py::test_who_may_create_tags_may_not_move_them": """
        auth.policies[].users auth.policies[].actions""",
    f"{WIRE}test_auth.py::test_deleting_needs_its_own_rule": "auth.groups auth.policies[].groups",
    f"{SETTINGS}test_tokens.py::test_rules_go_by_the_address_that_a_named_proxy_tells": """
        auth.policies[].addresses http.trustedproxies""",
    f"{SETTINGS}test_tokens.py::test_a_service_on_the_same_host_is_found_below_its_path": """
        auth.token.autoredirect auth.token.autoredirectpath""",
    f"{SETTINGS}test_tokens.py::test_deleting_is_asked_for_in_the_word_that_is_set": """
        auth.token.deletescope""",
    f"{SETTINGS}test_tokens.py::test_keys_of_the_file_count_under_the_algorithms_that_are_set": """
        auth.token.jwks auth.token.signingalgorithms""",
    "tests/interop/test_configuration.py::test_both_answer_alike": """
        auth.silly.realm auth.silly.service http.headers""",
    f"{WIRE}test_settings.py::test_auth_silly_and_policies": "auth.silly.realm auth.silly.service",
    f"{WIRE}test_settings.py::test_http_headers": "http.headers",
    f"{WIRE}test_settings.py::test_http_prefix": "http.prefix",
    f"{WIRE}test_settings.py::test_http_host_relativeurls_and_trustedproxies": """
        http.host http.relativeurls http.trustedproxies""",
    f"{WIRE}test_tls.py::test_a_registry_with_a_certificate_speaks_tls": """
        http.tls.certificate http.tls.key""",
    f"{WIRE}test_tls.py::test_the_oldest_version_is_what_the_file_says": "http.tls.minimumtls",
    f"{WIRE}test_tls.py::test_client_certificates_are_required_or_verified_if_given": """
        http.tls.clientcas http.tls.clientauth""",
    "tests/faults/test_server_processes.py::test_a_transfer_that_takes_longer_than_the_drain_is_"
    "cut": "http.draintimeout",
    f"{WIRE}test_settings.py::test_storage_delete_enabled": "storage.delete.enabled",
    f"{WIRE}test_settings.py::test_storage_maintenance_readonly_enabled": """
        storage.maintenance.readonly.enabled""",
    f"{WIRE}test_settings.py::test_catalog_maxentries_and_tags_maxtags": """
        catalog.maxentries tags.maxtags""",
    f"{WIRE}test_settings.py::test_validation_disabled": "validation.disabled",
    f"{WIRE}test_settings.py::test_validation_manifests_urls": """
        validation.manifests.urls.allow validation.manifests.urls.deny""",
    f"{WIRE}test_settings.py::test_validation_manifests_references": """
        validation.manifests.references""",
    f"{WIRE}test_settings.py::test_validation_manifests_indexes": """
        validation.manifests.indexes.platforms
        validation.manifests.indexes.platformlist[].architecture
        validation.manifests.indexes.platformlist[].os""",
    f"{WIRE}test_settings.py::test_policy_repository_classes": "policy.repository.classes",
    f"{WIRE}test_settings.py::test_compatibility_schema1_enabled": "compatibility.schema1.enabled",
    "tests/unit/test_signing_key.py::test_a_key_from_a_file_is_the_one_that_signs": """
        compatibility.schema1.signingkeyfile""",
    f"{WIRE}test_settings.py::test_limits_of_manifests": "limits.manifestbytes limits.references",
    f"{WIRE}test_settings.py::test_limits_indexdepth": "limits.indexdepth",
    f"{WIRE}test_settings.py::test_limits_tagsperpush": "limits.tagsperpush",
    f"{WIRE}test_settings.py::test_limits_uploadsperclient": "limits.uploadsperclient",
    f"{WIRE}test_settings.py::test_limits_of_requests": """
        limits.pathbytes limits.querybytes limits.headerbytes""",
    f"{WIRE}test_settings.py::test_limits_progresstimeout": "limits.progresstimeout",
}
"""The keys that each test shows, by the test."""


def keys_of(test: str) -> list[str]:
    """The keys that a test shows, as they are written here."""
    return TESTS[test].split()


def shown() -> Iterator[str]:
    """Every key, or section as a whole, that some test shows."""
    for test in TESTS:
        yield from keys_of(test)
