// Made by `npm run api` from tests/snapshots/openapi.json. Do not edit.
export interface paths {
    "/api/auth/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether callers must show the secret. */
        get: operations["auth_check"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A token for the secret. */
        post: operations["auth_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the token that the caller came with. */
        post: operations["auth_logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One command file as queues. */
        get: operations["commands_config"];
        /**
         * Puts these queues into a command file, in this order. Comments and layout stay with their blocks, and what is unchanged
         *     keeps its bytes.
         */
        put: operations["commands_save_config"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The command files of a mode with their queues. One that cannot be read says why. */
        get: operations["commands_all"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The command files of a mode. */
        get: operations["commands_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/new": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A new, empty command file, with the lowest index that is free. */
        post: operations["commands_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Brings back the version before the last save. What stands there now takes its place: a second reset undoes the first. */
        post: operations["commands_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/text": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One command file as text. */
        get: operations["commands_text"];
        /** Puts a text into a command file, or only checks it. What the parser finds does not keep it from being saved. */
        put: operations["commands_save_text"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Older versions of a command file, newest first. */
        get: operations["commands_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/versions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The text of an older version. */
        get: operations["commands_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/commands/{mode}/{config_index}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Deletes a command file that does not run. Its text is kept among its versions; index 0 always stays. */
        delete: operations["commands_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules. */
        get: operations["config"];
        /** Changes some rules. Comments, order and all other keys of the file stay; running schedulers follow. */
        put: operations["config_change"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What rules would do, before they are saved (without a body: those that stand): which heads would start now and on which GPUs, which would wait and why. */
        post: operations["config_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Live changes as server-sent events, for scripts. */
        get: operations["events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everything about the GPUs. */
        get: operations["gpu_report"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The last minutes of each GPU, for charts. */
        get: operations["gpu_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu/leases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who holds which GPU: the leases that hold on this host, of all its users. */
        get: operations["gpu_leases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu/processes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The processes on the GPUs, each once, with where it comes from and what would become of it. */
        get: operations["gpu_processes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu/processes/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends processes on the GPUs, each named by pid and start time. Answers when they are gone, or when the time to wait is
         *     over; every process that was named is in one of the two lists.
         */
        post: operations["gpu_kill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpu/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How sampling goes. */
        get: operations["gpu_state"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gpus": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The GPUs, and which ad-hoc task sits where. */
        get: operations["gpus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** That the daemon is there. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/bind": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Binds a log to a task: from then on it is the one that is shown for it. */
        post: operations["log_bind"];
        /** Ends a binding. The log stays. */
        delete: operations["log_unbind"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/bindings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All bindings, by keys such as `single_0_1_0`: mode, config index, queue, place in it. */
        get: operations["log_bindings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/content": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A part of a task's log: of the one that is bound to it, else of its own. */
        get: operations["log_content"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A log, or a range of it, byte for byte. */
        get: operations["log_download"];
        put?: never;
        /** A ticket for one download of the log that the query names: a browser cannot send the secret with it. */
        post: operations["log_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A part of a log by its path. */
        get: operations["log_read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Searches the whole of a log. The answer is a stream of JSON objects, one a line: hits as they are found, progress, the
         *     end. Going away ends the search.
         */
        get: operations["log_search"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/log/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follows a log, as server-sent events: `head`, `data`, `divider` (rotated, cut or written anew), `skipped`, `end`. `id` is the
         *     place; sent as `Last-Event-ID`, it goes on from there.
         */
        get: operations["log_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/running": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The runs whose schedulers live, with their tasks. */
        get: operations["scheduler_running"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The runs, newest first. */
        get: operations["scheduler_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run with its tasks. */
        get: operations["scheduler_run"];
        put?: never;
        post?: never;
        /** Deletes a run that has ended, with its tasks and the logs of their attempts. Logs that tasks wrote elsewhere stay. */
        delete: operations["scheduler_delete_run"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether each command file's scheduler runs. */
        get: operations["scheduler_states"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/stop/{pid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tells a scheduler to end, by its pid. Only what holds a place of this root is told anything. */
        post: operations["scheduler_stop_pid"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/tasks/{task_id}/{action}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Runs a task again, passes over it, ends it, or moves it in its queue. A move changes the command file, which its scheduler
         *     follows; comments go with their block.
         */
        post: operations["scheduler_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/{mode}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Starts a scheduler; answers once its first state is on disk. */
        post: operations["scheduler_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/{mode}/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether a command file's scheduler runs. */
        get: operations["scheduler_state"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/scheduler/{mode}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tells the scheduler of a command file to end. */
        post: operations["scheduler_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every setting. The secret itself is never sent. */
        get: operations["settings"];
        /**
         * Changes some settings. Comments, order and all other keys of the file stay. What needs no restart is in force when this
         *     answers; a changed secret ends every login.
         */
        put: operations["settings_change"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ad-hoc tasks, newest first, in pages. */
        get: operations["tasks_list"];
        put?: never;
        /** Makes a task, or with `matrix` one for each combination. They are on disk when this answers. */
        post: operations["tasks_make"];
        /** Removes records and logs of tasks that ended before a moment. */
        delete: operations["tasks_prune"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels many tasks. */
        post: operations["tasks_cancel_many"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One task in detail. */
        get: operations["tasks_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes what a waiting task asks for, or the priority of one that is not over. */
        patch: operations["tasks_change"];
        trace?: never;
    };
    "/api/tasks/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels a task: one that waits at once, one that runs by ending what it started. */
        post: operations["tasks_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/{id}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The fields of a new task that would be the same: to be edited, and sent to `POST /api/tasks`. Nothing is made. */
        post: operations["tasks_clone"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The last lines of a task's log. */
        get: operations["tasks_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/{id}/logs/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follows a task's log, as server-sent events, through its attempts to its end; with `attempt`, to the end of that one.
         *     Events are those of `/api/log/stream`. What has not begun is waited for.
         */
        get: operations["tasks_log_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tasks/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a task that is over run again: a new attempt. */
        post: operations["tasks_retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Live changes over one WebSocket; its first message carries the token. */
        get: operations["ws_socket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Answer of a cancellation. What was running is `cancelling` until all that it started is gone. */
        AdhocCancelled: {
            /** @description Those that waited, and tasks that depended on them: they are cancelled. */
            cancelled: components["schemas"]["i64"][];
            /** @description Those that run: they have been told to end. */
            cancelling: components["schemas"]["i64"][];
            /** @description In words. */
            message: string;
            /** @description Those that are not there. */
            missing: components["schemas"]["i64"][];
            /** @description Those that are over already. */
            over: components["schemas"]["i64"][];
            /** @description Whether each one could be cancelled. */
            success: boolean;
        };
        /**
         * @description Body of `PATCH /api/tasks/{id}`: the fields to change. `null` takes a value away (that of the rules, or the default,
         *     holds then); a field that is absent stays.
         */
        AdhocChange: {
            /** @description See `NewAdhocTask`. */
            command?: string | null;
            /** @description See `NewAdhocTask`. */
            created_by?: string | null;
            /** @description See `NewAdhocTask`. */
            depends_on?: components["schemas"]["i64"][] | null;
            /** @description See `NewAdhocTask`. */
            environment?: {
                [key: string]: string;
            } | null;
            /**
             * Format: uint32
             * @description See `NewAdhocTask`.
             */
            gpu_count?: number | null;
            /** @description See `NewAdhocTask`. */
            gpu_type?: string | null;
            /**
             * Format: double
             * @description See `NewAdhocTask`.
             */
            memory?: number | null;
            /** @description See `NewAdhocTask`. */
            name?: string | null;
            /**
             * Format: date-time
             * @description See `NewAdhocTask`.
             */
            not_before?: string | null;
            /**
             * Format: int32
             * @description See `NewAdhocTask`. That of a running task may be changed too; it counts at its next try.
             */
            priority?: number | null;
            /**
             * Format: uint32
             * @description See `NewAdhocTask`.
             */
            retries?: number | null;
            /** @description See `NewAdhocTask`. */
            tags?: string[] | null;
            /**
             * Format: double
             * @description See `NewAdhocTask`.
             */
            timeout?: number | null;
            /** @description See `NewAdhocTask`. */
            work_dir?: string | null;
        };
        /** @description How many ad-hoc tasks stand where. */
        AdhocCounts: {
            /**
             * Format: uint64
             * @description Cancelled.
             */
            cancelled: number;
            /**
             * Format: uint64
             * @description Done.
             */
            completed: number;
            /**
             * Format: uint64
             * @description Failed.
             */
            failed: number;
            /**
             * Format: uint64
             * @description Waiting.
             */
            queued: number;
            /**
             * Format: uint64
             * @description At work.
             */
            running: number;
        };
        /** @description Body of `POST /api/tasks/cancel`. */
        AdhocIds: {
            /** @description Which. */
            ids?: components["schemas"]["i64"][];
        };
        /** @description Answer of `GET /api/tasks/{id}/logs`. */
        AdhocLog: {
            /** @description The last lines, without their ends. Bytes that are no UTF-8 are replaced. */
            lines: string[];
            /** @description Which file; null: it has not run yet. */
            log_path: string | null;
            /**
             * Format: uint64
             * @description Its size, bytes.
             */
            size: number;
            /** @description Whose. */
            task_id: components["schemas"]["i64"];
            /** @description There is more above them. */
            truncated: boolean;
        };
        /** @description Answer of `POST /api/tasks`: they are on disk. */
        AdhocMade: {
            /** @description The first one's number. */
            id: components["schemas"]["i64"];
            /** @description All of them, in order. */
            ids: components["schemas"]["i64"][];
            /** @description In words. */
            message: string;
            /** @description True; a refused task is an error answer. */
            success: boolean;
        };
        /** @description Answer of `GET /api/tasks`. */
        AdhocPage: {
            /** @description Of all tasks, whatever was asked for. */
            counts: components["schemas"]["AdhocCounts"];
            /** @description To be sent as `cursor` for the next page; null: this was the last. */
            next_cursor: string | null;
            /** @description Whether a scheduler is at work on them. */
            scheduler: components["schemas"]["AdhocScheduler"];
            /** @description Every tag in use. */
            tags: string[];
            /** @description Newest first. */
            tasks: components["schemas"]["AdhocSummary"][];
        };
        /** @description Answer of `DELETE /api/tasks`. */
        AdhocPruned: {
            /** @description In words. */
            message: string;
            /**
             * Format: uint64
             * @description Records and logs removed.
             */
            removed: number;
            /** @description True; a failed prune is an error answer. */
            success: boolean;
        };
        /** @description The scheduler of ad-hoc tasks. */
        AdhocScheduler: {
            /**
             * Format: int32
             * @description Its pid.
             */
            pid: number | null;
            /** @description It lives. */
            running: boolean;
            /** @description What is wrong with it, in words. */
            trouble: string | null;
        };
        /**
         * @description Where an ad-hoc task stands.
         * @enum {string}
         */
        AdhocStatus: "queued" | "running" | "completed" | "failed" | "cancelled";
        /** @description An ad-hoc task in a list. */
        AdhocSummary: {
            /** @description Indices of the GPUs that it runs on, or ran on last. */
            assigned_gpus: number[];
            /**
             * Format: uint32
             * @description Attempts begun so far.
             */
            attempt: number;
            /** @description The beginning of its command. */
            brief: string;
            /** @description Somebody wants it to end, and it is being ended. */
            cancelling: boolean;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Who made it, in their own words. */
            created_by: string | null;
            /** @description Why its last attempt failed, or it was cancelled. */
            error: string | null;
            /**
             * Format: int32
             * @description Of its last attempt.
             */
            exit_code: number | null;
            /**
             * Format: date-time
             * @description When its last attempt ended.
             */
            finished_at: string | null;
            /**
             * Format: uint32
             * @description GPUs at once.
             */
            gpu_count: number;
            /** @description A GPU model, or `any`. */
            gpu_type: string;
            /** @description Its number. */
            id: components["schemas"]["i64"];
            /**
             * Format: double
             * @description GiB on each; null: each must be empty.
             */
            memory: number | null;
            /** @description For people. */
            name: string;
            /**
             * Format: date-time
             * @description It does not start earlier.
             */
            not_before: string | null;
            /**
             * Format: int32
             * @description The higher, the sooner.
             */
            priority: number;
            reason: components["schemas"]["ShownReason"] | null;
            /**
             * Format: date-time
             * @description When its last attempt started.
             */
            started_at: string | null;
            /** @description Where it stands. */
            status: components["schemas"]["AdhocStatus"];
            /** @description Words to find it by. */
            tags: string[];
            /** @description The session that shows its terminal, where tmux is installed: `tmux -S SOCKET attach -t …`. */
            tmux_session: string | null;
        };
        /** @description An ad-hoc task in detail. */
        AdhocTask: components["schemas"]["AdhocSummary"] & {
            /** @description Its script. */
            command: string;
            /** @description Tasks that wait for it. */
            dependents: components["schemas"]["i64"][];
            /** @description It starts once these have completed. */
            depends_on: components["schemas"]["i64"][];
            /** @description Variables of its own. */
            environment: {
                [key: string]: string;
            };
            /** @description Log of its last attempt, absolute. */
            log_path: string | null;
            /**
             * Format: uint64
             * @description Its place in the line of those that wait, from 1.
             */
            position: number | null;
            /**
             * Format: uint32
             * @description Further tries after a failure.
             */
            retries: number;
            /**
             * Format: int32
             * @description Signal that ended its last attempt.
             */
            signal: number | null;
            timeout: components["schemas"]["Seconds"] | null;
            /** @description How to look at its terminal in tmux, where that is installed. */
            tmux_attach: string | null;
            /** @description Where it runs; null: where the rules say. */
            work_dir: string | null;
        };
        /** @description How much of a GPU is claimed. */
        Amount: {
            /** @enum {string} */
            kind: "whole";
            /** @description Asked for, bytes. */
            memory: components["schemas"]["Bytes"];
        } | {
            /** @enum {string} */
            kind: "memory";
            /** @description Asked for, bytes. */
            memory: components["schemas"]["Bytes"];
        };
        /** @description A process that a GPU process descends from. */
        Ancestor: {
            /** @description The command line. */
            command: string | null;
            /** @description The executable's name. */
            name: string;
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /** @description What it is. */
            role: components["schemas"]["AncestorRole"];
            /** @description Tells it from a later one with the same pid. */
            start_time: string;
            /** @description Whose. */
            username: string | null;
        };
        /**
         * @description What an ancestor of a process is.
         * @enum {string}
         */
        AncestorRole: "process" | "terminal" | "login" | "container" | "runner" | "scheduler" | "daemon" | "init";
        /** @description Answer of `GET /api/auth/check`. */
        AuthCheck: {
            /** @description Whether callers must show the secret. */
            requires_auth: boolean;
        };
        BTreeMap: {
            [key: string]: {
                /** @description When it was bound. */
                bound_at: string;
                /**
                 * Format: uint32
                 * @description Index of the command file, from 0.
                 */
                config_index: number;
                /** @description The log, absolute. */
                log_path: string;
                /** @description Single or multi. */
                mode: components["schemas"]["Mode"];
                /**
                 * Format: uint32
                 * @description The task's place in its queue, from 0.
                 */
                process_index: number;
                /** @description The queue. */
                queue_id: components["schemas"]["QueueId"];
            };
        };
        /**
         * Format: uint64
         * @description An amount of memory in bytes.
         */
        Bytes: number;
        /** @description One GPU's part of a lease. */
        Claim: {
            /** @description How much of it. */
            amount: components["schemas"]["Amount"];
            /** @description Which GPU. */
            gpu: components["schemas"]["GpuUuid"];
            /**
             * Format: uint32
             * @description Its index when the lease was taken, for people.
             */
            index: number;
        };
        /** @description Why all waiting heads that ask for the same wait. */
        ClassReason: {
            /**
             * Format: uint32
             * @description GPUs asked for.
             */
            gpu_count: number;
            /** @description Memory asked for on each. */
            memory: components["schemas"]["Bytes"];
            /** @description Why. */
            reason: components["schemas"]["Reason"];
        };
        /** @description MHz. */
        Clocks: {
            /**
             * Format: uint32
             * @description Graphics (SM) clock now.
             */
            graphics: number | null;
            /**
             * Format: uint32
             * @description And at most.
             */
            graphics_max: number | null;
            /**
             * Format: uint32
             * @description Memory clock now.
             */
            memory: number | null;
            /**
             * Format: uint32
             * @description And at most.
             */
            memory_max: number | null;
        };
        /** @description Answer of `GET /api/commands/{mode}`. */
        CommandConfig: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description For people: `config 1`, `配置 1`. */
            config_name: string;
            /** @description Its version, for `If-Match`; `null` where there is no file. */
            etag: string | null;
            /** @description Whether the file is there. */
            exists: boolean;
            /** @description Its file's name. */
            file_name: string;
            /** @description What is wrong with it, by line. Blocks with errors are not among the queues, and stay in the file. */
            findings: components["schemas"]["FindingAnswer"][];
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /** @description Its queues. */
            queues: components["schemas"]["CommandQueue"][];
        };
        /** @description Body of `PUT /api/commands/{mode}`: all queues of the file, in order. */
        CommandConfigUpdate: {
            /** @description The queues. One that is not among them goes. */
            queues: components["schemas"]["CommandQueueUpdate"][];
        };
        /** @description Answer of `POST /api/commands/{mode}/new`. */
        CommandCreated: {
            /** @description The new command file. */
            config: components["schemas"]["CommandFileName"];
            /** @description In words. */
            message: string;
        };
        /** @description Answer of `DELETE /api/commands/{mode}/{config_index}`. */
        CommandDeleted: {
            /** @description What is gone. Its text is kept among its versions. */
            config: components["schemas"]["CommandFileName"];
            /** @description In words. */
            message: string;
        };
        /** @description One command file of `CommandFiles`. */
        CommandFileContent: {
            /** @description Why the file cannot be read at all. */
            error: string | null;
            /** @description Its version, for `If-Match`; `null` where there is no file, or it cannot be read. */
            etag: string | null;
            /** @description Whether the file is there. */
            exists: boolean;
            /** @description Its file's name. */
            file_name: string;
            /** @description What is wrong with it, by line. Blocks with errors are not among the queues, and stay in the file. */
            findings: components["schemas"]["FindingAnswer"][];
            /**
             * Format: uint32
             * @description From 0.
             */
            index: number;
            /** @description For people: `config 1`, `配置 1`. */
            name: string;
            /** @description Its queues. */
            queues: components["schemas"]["CommandQueue"][];
        };
        /** @description Answer of `GET /api/commands/{mode}/list`. */
        CommandFileList: {
            /** @description By index; index 0 is always among them. */
            configs: components["schemas"]["CommandFileName"][];
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
        };
        /** @description A command file by name. */
        CommandFileName: {
            /** @description Whether the file is there. */
            exists: boolean;
            /** @description Its file's name. */
            file_name: string;
            /**
             * Format: uint32
             * @description From 0.
             */
            index: number;
            /** @description For people: `config 1`, `配置 1`. */
            name: string;
        };
        /** @description Answer of `GET /api/commands/{mode}/all`. */
        CommandFiles: {
            /** @description By index; index 0 is always among them. */
            configs: components["schemas"]["CommandFileContent"][];
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
        };
        /** @description A task of a command file. */
        CommandProcess: {
            /** @description Its commands, in order, placeholders not replaced. */
            commands: string[];
            /**
             * Format: uint32
             * @description GPUs it asks for; 1 in `single`.
             */
            gpu_count: number;
            /**
             * Format: uint32
             * @description Its place in the queue, from 1.
             */
            id: number;
            /**
             * Format: double
             * @description GiB on each GPU.
             */
            memory: number;
        };
        /** @description A task as it is to be. */
        CommandProcessUpdate: {
            /** @description Its commands, in order, at least one. */
            commands: string[];
            /**
             * Format: uint32
             * @description GPUs it asks for; may be left out in `single`.
             */
            gpu_count?: number | null;
            /**
             * Format: uint64
             * @description As it was read; its place in the list is what counts.
             */
            id?: number | null;
            /**
             * Format: double
             * @description GiB on each GPU, above 0.
             */
            memory: number;
        };
        /** @description A queue of a command file. */
        CommandQueue: {
            /** @description Its id. */
            id: components["schemas"]["QueueId"];
            /** @description Its tasks, in order. */
            processes: components["schemas"]["CommandProcess"][];
        };
        /** @description A queue as it is to be. */
        CommandQueueUpdate: {
            /** @description Its id, no other queue's. */
            id: components["schemas"]["QueueId"];
            /** @description Its tasks, in order, at least one. */
            processes: components["schemas"]["CommandProcessUpdate"][];
        };
        /** @description Answer of a save of queues, and of a reset. */
        CommandSaved: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description Its new version. */
            etag: string;
            /** @description What is wrong with it, by line. */
            findings: components["schemas"]["FindingAnswer"][];
            /** @description In words. */
            message: string;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: uint32
             * @description Queues that the file has now.
             */
            queues_count: number;
        };
        /** @description Answer of `GET /api/commands/{mode}/text`. */
        CommandText: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description For people: `config 1`, `配置 1`. */
            config_name: string;
            /** @description Its version, for `If-Match`; `null` where there is no file. */
            etag: string | null;
            /** @description Whether the file is there. */
            exists: boolean;
            /** @description Its file's name. */
            file_name: string;
            /** @description What the parser found, by line. */
            findings: components["schemas"]["FindingAnswer"][];
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /** @description The file, byte for byte. */
            text: string;
        };
        /** @description Answer of `PUT /api/commands/{mode}/text`. */
        CommandTextSaved: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description The version that the text has, or would have. */
            etag: string;
            /** @description What the parser found, by line. They do not keep a text from being saved; blocks with errors are not run. */
            findings: components["schemas"]["FindingAnswer"][];
            /** @description In words. */
            message: string;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /** @description What the text says. */
            queues: components["schemas"]["CommandQueue"][];
            /**
             * Format: uint32
             * @description How many queues that are.
             */
            queues_count: number;
            /** @description Whether the text is in the file now; false for a dry run. */
            saved: boolean;
        };
        /** @description Body of `PUT /api/commands/{mode}/text`. */
        CommandTextUpdate: {
            /** @description Only check it. */
            dry_run?: boolean;
            /** @description The whole file. */
            text: string;
        };
        /** @description An older version of a command file. */
        CommandVersion: {
            /** @description Its id. */
            id: string;
            /**
             * Format: uint64
             * @description Bytes.
             */
            size: number;
            /**
             * Format: date-time
             * @description When that text had been written.
             */
            written_at: string;
        };
        /** @description Answer of `GET /api/commands/{mode}/versions/{id}`. */
        CommandVersionText: {
            /** @description What the parser finds in it, by line. */
            findings: components["schemas"]["FindingAnswer"][];
            /** @description Its id. */
            id: string;
            /** @description The text. */
            text: string;
            /**
             * Format: date-time
             * @description When that text had been written.
             */
            written_at: string;
        };
        /** @description Answer of `GET /api/commands/{mode}/versions`. */
        CommandVersions: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /** @description Newest first. A reset brings back what stood there before the last save, the first of them. */
            versions: components["schemas"]["CommandVersion"][];
        };
        /** @description One command file: its mode and its index (0 is "config 1"). */
        ConfigKey: {
            /**
             * Format: uint32
             * @description From 0.
             */
            index: number;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
        };
        /** @description What would become of one command file's heads. */
        ConfigPreview: {
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: uint32
             * @description Heads that would wait and are not listed: such an answer names 200.
             */
            more_waiting: number;
            /** @description Whether its scheduler runs. One that does not is looked at as if it were started now, beside those that run. */
            running: boolean;
            /** @description Heads that would start now, in the order in which they are decided. */
            start: components["schemas"]["HeadStart"][];
            /** @description Heads that would wait, and why. */
            wait: components["schemas"]["HeadWait"][];
        };
        /** @description The container of a process. */
        Container: {
            /** @description Its id, or with LXC its name. */
            id: string;
            /** @description The uid of its pod, in Kubernetes. */
            pod: string | null;
            /** @description Who runs it. */
            runtime: components["schemas"]["ContainerRuntime"];
        };
        /**
         * @description Who runs a container.
         * @enum {string}
         */
        ContainerRuntime: "docker" | "podman" | "containerd" | "kubernetes" | "lxc";
        /** @description CPUs. */
        CpuReport: {
            /**
             * Format: uint32
             * @description How many.
             */
            count: number | null;
            percent: components["schemas"]["Percent"] | null;
        };
        /** @description What becomes of a process when it is to be ended here. */
        Ending: {
            /** @description In words, for what is not simply a signal. */
            message: string | null;
            /** @description How. */
            way: components["schemas"]["EndingWay"];
        };
        /**
         * @description How a process would be ended.
         * @enum {string}
         */
        EndingWay: "signal" | "task" | "not_permitted" | "protected";
        /** @description Answer of a call that failed, whatever its status. */
        ErrorAnswer: {
            /** @description For programs: it stays the same in every language and version. */
            code: string;
            /**
             * @description A save that would have undone somebody else's (409, `stale`): what stands there now, as a GET would answer it.
             *     Its version is in `ETag`.
             */
            current?: Record<string, never>;
            /** @description What is wrong with single fields of what was sent (422 only). */
            errors?: components["schemas"]["FieldAnswer"][];
            /** @description For people, in the language of `Accept-Language` (`en` or `zh`). */
            message: string;
            /** @description False. */
            success: boolean;
        };
        /** @description What is wrong with one field. */
        FieldAnswer: {
            /** @description For programs. */
            code: string;
            /** @description Its path: `queues[0].processes[1].memory`, say. */
            field: string;
            /** @description For people. */
            message: string;
        };
        /** @description What the parser found in a line. */
        FindingAnswer: {
            /** @description For programs. */
            code: string;
            /**
             * Format: uint32
             * @description From 1.
             */
            line: number;
            /** @description For people. */
            message: string;
            /** @description How much it matters. */
            severity: components["schemas"]["Severity"];
            /** @description The block that the line belongs to is not run. */
            skipped: boolean;
        };
        /** @description A wait before the next attempt. */
        Gate: {
            /** @description Back-off, or the shorter delay before a retry. */
            backing_off: boolean;
            /**
             * Format: uint64
             * @description How long it is in all, milliseconds; bounds what is left after a reboot.
             */
            length_ms: number;
            /**
             * Format: date-time
             * @description The same for people, as the wall clock stood.
             */
            until: string;
            /** @description When it opens, on the run's boot's monotonic clock. */
            until_mono: components["schemas"]["Mono"];
        };
        /** @description A GPU. */
        GpuEntry: {
            /** @description Its clocks. */
            clocks: components["schemas"]["Clocks"];
            /** @description Version of its driver. */
            driver_version: string | null;
            fan_speed: components["schemas"]["Percent"] | null;
            /** @description Whether it can be read: `{"state":"ok"}`, or `lost` or `unreadable` with a message. */
            health: components["schemas"]["GpuHealth"];
            /**
             * Format: uint32
             * @description Processes that the driver lists on it and that cannot be looked at from here (another container, or a `/proc` that
             *     hides other users').
             */
            hidden_processes: number;
            /**
             * Format: uint32
             * @description Its place in the list.
             */
            index: number;
            memory: components["schemas"]["Usage"] | null;
            /** @description Model. */
            name: string | null;
            /** @description Where and how it is plugged in. */
            pcie: components["schemas"]["Pcie"];
            /** @description Its power. */
            power: components["schemas"]["Power"];
            /** @description Processes on it; `null` where they cannot be listed. */
            processes: components["schemas"]["ProcessEntry"][] | null;
            /**
             * Format: float
             * @description °C.
             */
            temperature: number | null;
            /**
             * Format: uint32
             * @description Where the driver keeps no list of its own: processes of this machine whose open files may not be read. Any of them
             *     may use it.
             */
            unseen_processes: number;
            /** @description How busy it is. */
            utilization: components["schemas"]["Utilization"];
            /** @description Its identity. */
            uuid: components["schemas"]["GpuUuid"];
            /** @description Maker. */
            vendor: components["schemas"]["Vendor"];
        };
        /** @description Whether a GPU can be read. */
        GpuHealth: {
            /** @enum {string} */
            state: "ok";
        } | {
            /** @description What the driver said. */
            message: string;
            /** @enum {string} */
            state: "lost";
        } | {
            /** @description What the driver said. */
            message: string;
            /** @enum {string} */
            state: "unreadable";
        };
        /** @description Answer of `GET /api/gpu/history`: the last minutes of every GPU, at common times. */
        GpuHistory: {
            /** @description One entry a GPU, in index order. */
            gpus: components["schemas"]["GpuSeries"][];
            step: components["schemas"]["Seconds"] | null;
            /** @description When each point begins, oldest first. Where nothing was read there is no time. */
            times: string[];
        };
        /** @description A GPU process, once, with all its GPUs. */
        GpuProcessEntry: {
            /**
             * @description Its parent, the parent's parent and so on, up to the session, terminal, container or task that it came from. Empty
             *     where they may not be seen.
             */
            ancestors: components["schemas"]["Ancestor"][];
            /** @description The command line. */
            command: string | null;
            container: components["schemas"]["Container"] | null;
            cpu_percent: components["schemas"]["Percent"] | null;
            /** @description What becomes of it when it is to be ended here. */
            ending: components["schemas"]["Ending"];
            /**
             * Format: uint32
             * @description The first of its GPUs.
             */
            gpu_index: number;
            gpu_memory: components["schemas"]["Bytes"] | null;
            /** @description For people. */
            gpu_memory_human: string | null;
            gpu_sm_utilization: components["schemas"]["Percent"] | null;
            /** @description What it has of each of its GPUs, in index order; at least one. */
            gpus: components["schemas"]["GpuShare"][];
            host_memory: components["schemas"]["Bytes"] | null;
            /** @description For people. */
            host_memory_human: string | null;
            /** @description The executable's name. */
            name: string | null;
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            running_time: components["schemas"]["Seconds"] | null;
            /**
             * @description Tells this process from a later one with the same pid. Opaque: compare it, do not read it; it is sent back to end
             *     the process.
             */
            start_time: string;
            task: components["schemas"]["TaskRef"] | null;
            terminal: components["schemas"]["Terminal"] | null;
            /** @description Whose. */
            username: string | null;
            /** @description That GPU's maker. */
            vendor: components["schemas"]["Vendor"];
        };
        /** @description Answer of `GET /api/gpu/processes`. */
        GpuProcesses: {
            /** @description Whether GPUs are there and have been read. */
            available: boolean;
            /**
             * Format: uint32
             * @description Processes that follow.
             */
            count: number;
            /** @description The makers of the GPUs found, with commas between; `null` where there are none. */
            gpu_type: string | null;
            /** @description Those that may not be seen. */
            hidden: components["schemas"]["Hidden"];
            /** @description Why there is nothing, or why what follows is old; `null` when all is well. */
            message: string | null;
            /**
             * Format: uint32
             * @description How many may be ended in one call.
             */
            most_at_once: number;
            /** @description One entry a process, by GPU and pid. */
            processes: components["schemas"]["GpuProcessEntry"][];
            /** @description True. */
            success: boolean;
        };
        /** @description A GPU as an attempt knows it. */
        GpuRef: {
            /**
             * Format: uint32
             * @description Index at placement.
             */
            index: number;
            /** @description Identity. */
            uuid: components["schemas"]["GpuUuid"];
        };
        /** @description Answer of `GET /api/gpu`. */
        GpuReport: {
            /**
             * Format: uint32
             * @description How many users have a process on a GPU.
             */
            active_user_count: number;
            /** @description Their names. */
            active_users: string[];
            age: components["schemas"]["Seconds"] | null;
            /** @description Whether GPUs are there and have been read. */
            available: boolean;
            /**
             * Format: uint32
             * @description GPUs, those that are lost included.
             */
            gpu_count: number;
            /** @description One entry a GPU, in index order. */
            gpus: components["schemas"]["GpuEntry"][];
            /** @description The machine around them. */
            host: components["schemas"]["HostReport"];
            memory_percent: components["schemas"]["Percent"] | null;
            /** @description Why they are not, or why what follows is old; `null` when all is well. */
            message: string | null;
            /** @description Readings have failed since: what follows is the last good one. */
            stale: boolean;
            /**
             * Format: date-time
             * @description When the GPUs were read; the moment of the answer where none were.
             */
            timestamp: string;
            /**
             * Format: uint32
             * @description GPU processes; one on two GPUs counts once.
             */
            total_processes: number;
        };
        /** @description One GPU of `GET /api/gpus`. */
        GpuSeat: {
            assigned_task_id: components["schemas"]["i64"] | null;
            /** @description All ad-hoc tasks that sit on it. */
            assigned_task_ids: components["schemas"]["i64"][];
            /**
             * Format: uint32
             * @description Its index.
             */
            index: number;
            /** @description Nobody has a lease on it, and no process that counts is on it. */
            is_free: boolean;
            /** @description Its memory. */
            memory: components["schemas"]["GpuSeatMemory"];
            /** @description Its model; null where the driver does not say. */
            name: string | null;
            /**
             * Format: float
             * @description Percent; null where unknown.
             */
            utilization: number | null;
            /** @description Its identity. */
            uuid: components["schemas"]["GpuUuid"];
        };
        /** @description Memory of a GPU, bytes; null where it cannot be read. */
        GpuSeatMemory: {
            /**
             * Format: uint64
             * @description Free.
             */
            free: number | null;
            /**
             * Format: uint64
             * @description Built in.
             */
            total: number | null;
            /**
             * Format: uint64
             * @description In use.
             */
            used: number | null;
        };
        /**
         * @description One GPU's history: a point for each of the times, the mean of what was read from it to the next; `null` where nothing
         *     was.
         */
        GpuSeries: {
            /**
             * Format: uint32
             * @description Its place in the list now.
             */
            index: number;
            memory_total: components["schemas"]["Bytes"] | null;
            /** @description Memory in use. */
            memory_used: (components["schemas"]["Bytes"] | null)[];
            /** @description Model. */
            name: string | null;
            /** @description Watts. */
            power_draw: (number | null)[];
            /** @description °C. */
            temperature: (number | null)[];
            /** @description Share of time a kernel ran. */
            utilization: (components["schemas"]["Percent"] | null)[];
            /** @description Its identity. */
            uuid: components["schemas"]["GpuUuid"];
        };
        /** @description What a process has of one GPU. */
        GpuShare: {
            /**
             * Format: uint32
             * @description Which GPU.
             */
            gpu_index: number;
            gpu_memory: components["schemas"]["Bytes"] | null;
            /** @description For people. */
            gpu_memory_human: string | null;
            gpu_sm_utilization: components["schemas"]["Percent"] | null;
            /** @description Its identity. */
            uuid: components["schemas"]["GpuUuid"];
            /** @description Its maker. */
            vendor: components["schemas"]["Vendor"];
            /** @description What the process does there. */
            work: components["schemas"]["GpuWork"];
        };
        /** @description A GPU's identity: NVML's UUID, or a PCI address where a vendor has none. Never its index, which may change. */
        GpuUuid: string;
        /**
         * @description What a process does on a GPU.
         * @enum {string}
         */
        GpuWork: "compute" | "graphics" | "both";
        /** @description A head that would start now. */
        HeadStart: {
            /** @description The GPUs that it would take, best first. */
            gpus: components["schemas"]["GpuRef"][];
            /**
             * Format: double
             * @description GiB that it asks for on each GPU.
             */
            memory_gb: number;
            /**
             * Format: uint32
             * @description Its place in the queue, from 0.
             */
            process_index: number;
            /** @description Its queue. */
            queue_id: components["schemas"]["QueueId"];
            task_id: components["schemas"]["TaskId"] | null;
        };
        /** @description A head that would wait. */
        HeadWait: {
            /**
             * Format: uint32
             * @description GPUs that it asks for.
             */
            gpu_count: number;
            /**
             * Format: double
             * @description GiB that it asks for on each GPU.
             */
            memory_gb: number;
            /**
             * Format: uint32
             * @description Its place in the queue, from 0.
             */
            process_index: number;
            /** @description Its queue. */
            queue_id: components["schemas"]["QueueId"];
            /** @description Why. */
            reason: components["schemas"]["ShownReason"];
            task_id: components["schemas"]["TaskId"] | null;
        };
        /** @description Answer of `GET /api/health`: open to everyone, so it says nothing about the machine. */
        Health: {
            /** @description The API's version; it changes when an answer changes in a way that programs would trip over. */
            api_version: string;
            /** @description `ok`. */
            status: string;
            /** @description The program's version. */
            version: string;
        };
        /** @description GPU processes that may not be seen. */
        Hidden: {
            /**
             * Format: uint32
             * @description Listed by a driver, and not to be looked at from here; on several GPUs, one counts for each.
             */
            count: number;
            /** @description In words; `null` where nothing is hidden. */
            message: string | null;
            /** @description GPUs whose processes cannot be listed at all. */
            unlisted_gpus: number[];
            /**
             * Format: uint32
             * @description Processes of this machine that may use a GPU whose driver keeps no list.
             */
            unseen: number;
        };
        /** @description The machine. */
        HostReport: {
            /** @description Its CPUs. */
            cpu: components["schemas"]["CpuReport"];
            disk: components["schemas"]["Usage"] | null;
            /** @description Its name. */
            hostname: string;
            /** @description Mean number of runnable tasks over 1, 5 and 15 minutes. */
            load: number[] | null;
            memory: components["schemas"]["Usage"] | null;
            swap: components["schemas"]["Usage"] | null;
        };
        /** @description Answer of a kill: every process that was asked for is in one of the two lists. */
        KillAnswer: {
            /** @description The others. */
            failed: components["schemas"]["NotKilled"][];
            /** @description Those. */
            killed: components["schemas"]["Killed"][];
            /** @description In words, of all together. */
            message: string;
            /** @description All of them have ended, or are being ended. */
            success: boolean;
        };
        /** @description Body of a kill. */
        KillRequest: {
            /** @description At least one, at most `KillRequest::MOST`; one that is named twice counts once. */
            processes: components["schemas"]["ProcessName"][];
            /** @description `TERM` where it is not said. */
            signal?: components["schemas"]["KillSignal"];
            /**
             * Format: double
             * @description Seconds to wait for them to be gone, 0 to 30.
             */
            wait?: number;
        };
        /**
         * @description How a process is told.
         * @enum {string}
         */
        KillSignal: "TERM" | "KILL";
        /** @description What became of a process that was ended, or whose end is under way. */
        Killed: {
            /**
             * @description `ended`: it is gone; `task_stopped`: its task was stopped by its scheduler, and it is gone; `task_stopping`: its
             *     scheduler is stopping it, and ends it with KILL after the task's grace.
             */
            code: components["schemas"]["KilledCode"];
            /** @description In words. */
            message: string;
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /** @description As it was asked for. */
            start_time: string;
            task: components["schemas"]["TaskRef"] | null;
        };
        /**
         * @description See `Killed::code`.
         * @enum {string}
         */
        KilledCode: "ended" | "task_stopped" | "task_stopping";
        /** @description An attempt's claim on the GPUs it runs on. Taken all or none; it ends with the last process of its attempt. */
        Lease: {
            /** @description One entry a GPU. */
            claims: components["schemas"]["Claim"][];
            config: components["schemas"]["ConfigKey"] | null;
            /** @description The machine. */
            node: components["schemas"]["Node"];
            /** @description Whose it is. */
            owner: components["schemas"]["Owner"];
            /** @description Root folder of the gpuyard that took it. */
            root: string;
            /** @description Its run. */
            run_id: components["schemas"]["RunId"];
            /** @description Where its pids mean something. */
            space: components["schemas"]["PidSpace"];
            /**
             * Format: date-time
             * @description When it was taken.
             */
            taken_at: string;
            /** @description Its task. */
            task_id: components["schemas"]["TaskId"];
            /** @description The attempt that holds it. */
            uni_id: components["schemas"]["UniId"];
            /**
             * Format: uint32
             * @description Version of this record, 1.
             */
            version: number;
        };
        /** @description An attempt that has been begun and has not ended, as far as is known. */
        LiveAttempt: {
            /** @description Its folder, below the root: `logs/tasks/…`. */
            folder: string;
            runner: components["schemas"]["ProcessIdentity"] | null;
            /** @description Its runner is gone, and its processes live. */
            runner_lost?: boolean;
            /** @description Its task was told to stop. */
            stop_requested?: boolean;
            /** @description Its key. */
            uni_id: components["schemas"]["UniId"];
        };
        /** @description One log binding. */
        LogBinding: {
            /** @description When it was bound. */
            bound_at: string;
            /**
             * Format: uint32
             * @description Index of the command file, from 0.
             */
            config_index: number;
            /** @description The log, absolute. */
            log_path: string;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: uint32
             * @description The task's place in its queue, from 0.
             */
            process_index: number;
            /** @description The queue. */
            queue_id: components["schemas"]["QueueId"];
        };
        /** @description Answer of `POST` and `DELETE /api/log/bind`. */
        LogBound: {
            /** @description The binding: the new one, or the one that was removed. */
            binding: components["schemas"]["LogBinding"];
            /** @description The binding's key. */
            key: string;
            /** @description In words. */
            message: string;
            /** @description True; what failed is an error answer. */
            success: boolean;
        };
        /**
         * @description Why a log's offsets mean something else than before.
         * @enum {string}
         */
        LogBreak: "rotated" | "truncated" | "rewritten" | "attempt";
        /** @description Answer of `GET /api/log/content` and `GET /api/log/read`. */
        LogContent: components["schemas"]["LogHead"] & {
            /**
             * Format: uint64
             * @description Bytes of this part that are no text in that encoding, and stand as U+FFFD.
             */
            bad_bytes: number;
            /** @description There are NUL bytes in this part: it may be no text at all. */
            binary: boolean;
            /** @description What was asked for, as text; empty where `lines` holds it. */
            content: string;
            /** @description More was asked for than one answer holds. */
            cut: boolean;
            /** @description How its bytes were read: `utf-8`, `gbk`, `utf-16le`, … */
            encoding: string;
            /**
             * Format: uint64
             * @description Where it ends: to be asked from next.
             */
            end: number;
            /**
             * Format: uint64
             * @description Number of its first line, from 1; `null` until the index got there, or where the part begins inside a line.
             */
            first_line: number | null;
            /** @description The same by lines, where `form=lines` asked for that. */
            lines: components["schemas"]["LogLine"][] | null;
            /** @description In words; empty where there is nothing to say. */
            message: string;
            /**
             * Format: uint64
             * @description Where the part begins in the file, bytes.
             */
            offset: number;
            /** @description True; a failed reading is an error answer. */
            success: boolean;
            task: components["schemas"]["LogTask"] | null;
        };
        /** @description How an attempt ended. */
        LogExit: {
            /** @description Seconds between the two. */
            duration: components["schemas"]["Seconds"];
            /**
             * Format: int32
             * @description Exit code, where it exited.
             */
            exit_code: number | null;
            /**
             * Format: date-time
             * @description When its last process was gone.
             */
            finished_at: string;
            /** @description `exited`, `signaled`, `timed_out`, `stopped`, `not_started`, `lost`. */
            kind: components["schemas"]["LogExitKind"];
            /** @description What the system said, where it could not be started. */
            message: string | null;
            /** @description The kernel killed it for want of memory. */
            out_of_memory: boolean;
            peak_gpu_memory: components["schemas"]["Bytes"] | null;
            peak_rss: components["schemas"]["Bytes"] | null;
            /**
             * Format: int32
             * @description Signal, where one killed it.
             */
            signal: number | null;
            /**
             * Format: date-time
             * @description When it started.
             */
            started_at: string;
            system_cpu: components["schemas"]["Seconds"] | null;
            user_cpu: components["schemas"]["Seconds"] | null;
        };
        /**
         * @description The kinds of end.
         * @enum {string}
         */
        LogExitKind: "exited" | "signaled" | "timed_out" | "stopped" | "not_started" | "lost";
        /** @description What is known of a log file as a whole. */
        LogHead: {
            /** @description Whether it is there, and a plain file that may be read. */
            exists: boolean;
            exit: components["schemas"]["LogExit"] | null;
            /**
             * Format: uint64
             * @description Another number than before: the file was rotated, cut, or written anew, and offsets mean something else.
             */
            generation: number;
            /**
             * Format: uint64
             * @description Bytes whose lines have been counted.
             */
            indexed: number;
            /** @description Which file. */
            log_path: string;
            /**
             * Format: uint64
             * @description Its size, bytes.
             */
            size: number;
            /**
             * Format: uint64
             * @description Lines in it, a last one without its newline counted; `null` until they have been counted.
             */
            total_lines: number | null;
            /** @description Why it cannot be read, in words, where something else than a log stands in its place. */
            trouble: string | null;
        };
        /** @description A line that matches. */
        LogHit: {
            /** @description Lines after it, where asked for. */
            after: components["schemas"]["LogLine"][];
            /**
             * Format: uint64
             * @description Where the first match begins, bytes.
             */
            at: number;
            /** @description Lines before it, where asked for. */
            before: components["schemas"]["LogLine"][];
            /** @description `text` is not the whole line. */
            cut: boolean;
            /**
             * Format: uint64
             * @description Its number, from 1; `null` where the search began in the middle and the index has not got there.
             */
            line: number | null;
            /**
             * Format: uint64
             * @description Where the line begins, bytes.
             */
            offset: number;
            /** @description Where matches stand in `text`: from and to, counted in UTF-16 units as JavaScript does. */
            ranges: number[][];
            /** @description The line, or what surrounds the first match in a long or redrawn one. */
            text: string;
        };
        /** @description One line of a log. */
        LogLine: {
            /** @description `text` is not the whole of it: too long. `offset` and `end` fetch the rest. */
            cut: boolean;
            /**
             * Format: uint64
             * @description Where the next one begins.
             */
            end: number;
            /**
             * Format: uint64
             * @description Where it begins in the file, bytes.
             */
            offset: number;
            /** @description Its newline is not there yet. */
            open: boolean;
            /**
             * Format: uint64
             * @description How often it was drawn anew (`\r`): `text` is its final state.
             */
            redraws: number;
            /** @description What a terminal would show of it, without its newline; colours and other escapes stand in it as they are. */
            text: string;
        };
        /** @description A line of the answer of `GET /api/log/search`. */
        LogSearchEvent: (components["schemas"]["LogHit"] & {
            /** @enum {string} */
            event: "hit";
        }) | {
            /** @enum {string} */
            event: "progress";
            /**
             * Format: uint64
             * @description Bytes looked through.
             */
            scanned: number;
            /**
             * Format: uint64
             * @description Bytes to look through.
             */
            size: number;
            /**
             * Format: uint64
             * @description Lines that matched so far.
             */
            total: number;
        } | {
            /** @description Whether all was looked through that was asked for. */
            complete: boolean;
            /** @enum {string} */
            event: "end";
            /**
             * Format: uint64
             * @description The log's generation: another one than its pages' means that the hits' offsets are not theirs.
             */
            generation: number;
            /**
             * Format: uint64
             * @description Hits that were sent; the others are counted only.
             */
            listed: number;
            /**
             * Format: uint64
             * @description Bytes looked through.
             */
            scanned: number;
            /**
             * Format: uint64
             * @description Lines that matched.
             */
            total: number;
        } | {
            /** @description For programs. */
            code: string;
            /** @enum {string} */
            event: "error";
            /** @description For people. */
            message: string;
        };
        /** @description The data of an event of `GET /api/log/stream`; `event:` is its name, `id:` the place to go on from. */
        LogStreamEvent: (components["schemas"]["LogHead"] & {
            /** @enum {string} */
            event: "head";
        }) | {
            /** @description As text. */
            content: string;
            /**
             * Format: uint64
             * @description Where it ends.
             */
            end: number;
            /** @enum {string} */
            event: "data";
            /**
             * Format: uint64
             * @description Where it begins, bytes.
             */
            offset: number;
        } | {
            /** @enum {string} */
            event: "divider";
            /**
             * Format: uint64
             * @description The generation that begins.
             */
            generation: number;
            /** @description `rotated`, `truncated`, `rewritten`, `attempt`. */
            why: components["schemas"]["LogBreak"];
        } | {
            /** @enum {string} */
            event: "skipped";
            /**
             * Format: uint64
             * @description From here, bytes.
             */
            from: number;
            /**
             * Format: uint64
             * @description To here.
             */
            to: number;
        } | (components["schemas"]["LogHead"] & {
            /** @enum {string} */
            event: "end";
        });
        /** @description The task whose log is shown: of a command file, or an ad-hoc one. */
        LogTask: {
            /**
             * Format: uint32
             * @description The attempt whose log it is; `null` for a log that the task writes itself.
             */
            attempt: number | null;
            /**
             * Format: uint32
             * @description Attempts so far.
             */
            attempts: number;
            /** @description Whether this is the log that was bound to the task. */
            bound: boolean;
            /**
             * Format: uint32
             * @description Index of its command file; `null` for an ad-hoc task.
             */
            config_index: number | null;
            mode: components["schemas"]["Mode"] | null;
            /**
             * Format: uint32
             * @description Its place in the queue, from 0; `null` for an ad-hoc task.
             */
            process_index: number | null;
            queue_id: components["schemas"]["QueueId"] | null;
            /** @description Its run; `tasks` for an ad-hoc task. */
            run_id: components["schemas"]["RunId"];
            /**
             * Format: date-time
             * @description When the attempt started.
             */
            started_at: string | null;
            /** @description Its id; an ad-hoc task's number. */
            task_id: components["schemas"]["TaskId"];
        };
        /** @description Answer of `POST /api/log/download`: a ticket for one download by a browser, which cannot send a header with it. */
        LogTicket: {
            /**
             * Format: date-time
             * @description Until when.
             */
            expires_at: string;
            /** @description Good once. */
            ticket: string;
            /** @description Where to go with it. */
            url: string;
        };
        /** @description Answer of `POST /api/auth/login`. */
        LoginAnswer: {
            /**
             * Format: date-time
             * @description When it ends at the latest; unused, it ends sooner.
             */
            expires_at: string | null;
            /** @description In words. */
            message: string;
            /** @description True; a failed login is an error answer. */
            success: boolean;
            /** @description To be sent as `Authorization: Bearer`; `null` where no secret is asked for. */
            token: string | null;
        };
        /** @description Body of `POST /api/auth/login`. */
        LoginRequest: {
            /** @description The secret. */
            password: string;
        };
        /** @description Answer of `POST /api/auth/logout`. */
        LogoutAnswer: {
            /** @description In words. */
            message: string;
            /** @description True. */
            success: boolean;
        };
        /**
         * @description `single` (each task uses one GPU) or `multi` (a task says how many).
         * @enum {string}
         */
        Mode: "single" | "multi";
        /**
         * Format: uint64
         * @description Milliseconds since the host booted, suspends included (`CLOCK_BOOTTIME`). Comparable only within one boot.
         */
        Mono: number;
        /** @description Body of `POST /api/tasks`: one task, or with `matrix` one for each combination. Only `command` must be there. */
        NewAdhocTask: {
            /** @description One bash script, of as many lines as it likes. */
            command?: string;
            /** @description Who made it. */
            created_by?: string | null;
            /** @description It starts once these have completed; where one of them does not, it is cancelled. */
            depends_on?: components["schemas"]["i64"][] | null;
            /** @description Further variables. */
            environment?: {
                [key: string]: string;
            } | null;
            /**
             * Format: uint32
             * @description GPUs at once (1).
             */
            gpu_count?: number | null;
            /** @description A GPU model of this host (part of its name will do, where that is no other's), or `any` (default). */
            gpu_type?: string | null;
            /**
             * @description A sweep: each `{name}` in command, name, work_dir and environment becomes one of its values, and each combination
             *     becomes a task. Values are texts, numbers or booleans.
             */
            matrix?: {
                [key: string]: unknown[];
            } | null;
            /**
             * Format: double
             * @description GiB on each; absent: each must be empty, but for processes that the rules ignore.
             */
            memory?: number | null;
            /** @description For people; absent: the last line of the command. */
            name?: string | null;
            /**
             * Format: date-time
             * @description It does not start earlier.
             */
            not_before?: string | null;
            /**
             * Format: int32
             * @description The higher, the sooner (0).
             */
            priority?: number | null;
            /**
             * Format: uint32
             * @description Further tries after a failure (0).
             */
            retries?: number | null;
            /** @description Words to find it by. */
            tags?: string[] | null;
            /**
             * Format: double
             * @description Seconds after which it is ended; absent: that of the rules.
             */
            timeout?: number | null;
            /** @description Absolute; absent: that of the rules. */
            work_dir?: string | null;
        };
        /** @description The machine something happened on. */
        Node: {
            /** @description For people. */
            hostname: string;
            /** @description `/etc/machine-id`, or another id that is stable on this machine. */
            machine_id: string;
        };
        /** @description A process that was not ended. */
        NotKilled: {
            /** @description Why. */
            code: components["schemas"]["NotKilledCode"];
            /** @description In words. */
            message: string;
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /** @description As it was asked for. */
            start_time: string;
        };
        /**
         * @description Why a process was not ended.
         * @enum {string}
         */
        NotKilledCode: "gone" | "reused" | "still_there" | "not_permitted" | "not_a_gpu_process" | "never_this" | "daemon" | "scheduler" | "runner" | "others_task" | "task_refused" | "failed";
        /**
         * @description What a failed task means for its queue.
         * @enum {string}
         */
        OnFailure: "stop" | "continue";
        /** @description The operating-system user something belongs to. */
        Owner: {
            /** @description Login name, or the uid in digits where it has none. */
            name: string;
            /**
             * Format: uint32
             * @description User id on its node.
             */
            uid: number;
        };
        /** @description The slot. */
        Pcie: {
            /** @description `00000000:3B:00.0`. */
            bus_id: string | null;
            /**
             * Format: uint32
             * @description Generation now.
             */
            generation: number | null;
            /**
             * Format: uint32
             * @description Lanes now.
             */
            width: number | null;
        };
        /**
         * Format: float
         * @description A share of a whole, 0 to 100.
         */
        Percent: number;
        /** @description Where pids mean something: one machine, one boot, one pid namespace. */
        PidSpace: {
            /** @description `/proc/sys/kernel/random/boot_id`. */
            boot_id: string;
            /** @description See `Node::machine_id`. */
            machine_id: string;
            /**
             * Format: uint64
             * @description Inode of `/proc/self/ns/pid`.
             */
            pid_ns: number;
        };
        /** @description Watts. */
        Power: {
            /**
             * Format: float
             * @description Drawn.
             */
            draw: number | null;
            /** @description For people: `150W`. */
            draw_human: string | null;
            /**
             * Format: float
             * @description Allowed.
             */
            limit: number | null;
            /** @description For people. */
            limit_human: string | null;
        };
        /** @description A process on one GPU. */
        ProcessEntry: {
            /** @description The command line. */
            command: string | null;
            container: components["schemas"]["Container"] | null;
            cpu_percent: components["schemas"]["Percent"] | null;
            /**
             * Format: uint32
             * @description Which GPU.
             */
            gpu_index: number;
            gpu_memory: components["schemas"]["Bytes"] | null;
            /** @description For people. */
            gpu_memory_human: string | null;
            gpu_sm_utilization: components["schemas"]["Percent"] | null;
            host_memory: components["schemas"]["Bytes"] | null;
            /** @description The executable's name. */
            name: string | null;
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            running_time: components["schemas"]["Seconds"] | null;
            /** @description Tells this process from a later one with the same pid. Opaque: compare it, do not read it. */
            start_time: string;
            task: components["schemas"]["TaskRef"] | null;
            terminal: components["schemas"]["Terminal"] | null;
            /** @description Whose. */
            username: string | null;
            /** @description The GPU's maker. */
            vendor: components["schemas"]["Vendor"];
            /** @description What it does there. */
            work: components["schemas"]["GpuWork"];
        };
        /** @description A process that can never be mistaken for another one, though pids come back. */
        ProcessIdentity: components["schemas"]["PidSpace"] & {
            /**
             * Format: int32
             * @description Process id, above 1.
             */
            pid: number;
            /**
             * Format: uint64
             * @description Field 22 of `/proc/PID/stat`: clock ticks from boot to the process's start.
             */
            start_ticks: number;
        };
        /** @description A process, so that no later one with its pid can be meant. */
        ProcessName: {
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /** @description As `/api/gpu/processes` has it. */
            start_time: string;
        };
        /** @description One queue of a run. */
        Queue: {
            /**
             * Format: uint32
             * @description Completed, skipped.
             */
            completed_tasks: number;
            /**
             * Format: uint32
             * @description First GPU of the task at work.
             */
            current_gpu: number | null;
            /** @description The task at work, in words: `任务 1/2: python …` in the seed, `1/2: python …` here. */
            current_task: string | null;
            /**
             * Format: uint32
             * @description Failed.
             */
            failed_tasks: number;
            /** @description Its id. */
            id: components["schemas"]["QueueId"];
            /** @description The last error of any of its tasks. */
            last_error: string | null;
            /**
             * Format: uint32
             * @description Pending, retrying.
             */
            pending_tasks: number;
            /** @description Its tasks, in order. */
            processes: components["schemas"]["Task"][];
            /**
             * Format: uint32
             * @description At work.
             */
            running_tasks: number;
            /** @description Where it stands. */
            state: components["schemas"]["QueueState"];
            /**
             * Format: uint32
             * @description Tasks in it.
             */
            total_tasks: number;
        };
        /**
         * Format: uint64
         * @description A queue's id, the number in the first line of its blocks.
         */
        QueueId: number;
        /**
         * @description Where a queue stands.
         * @enum {string}
         */
        QueueState: "waiting" | "running" | "completed" | "failed" | "stopped";
        /** @description Why a task waits. In JSON: `{"code": "NotEnoughMemory", "best_free": …}`; `Reason::text` adds the words. */
        Reason: {
            /** @enum {string} */
            code: "NoGpuMatches";
        } | {
            /** @description The most that is to be had on one GPU now, promised memory and headroom taken off. */
            best_free: components["schemas"]["Bytes"];
            /** @enum {string} */
            code: "NotEnoughMemory";
        } | {
            /** @enum {string} */
            code: "GpuHeldByOwnTask";
        } | {
            /** @enum {string} */
            code: "GpuHasOwnProcess";
        } | {
            /**
             * Format: uint32
             * @description GPUs that the user may hold.
             */
            allowed: number;
            /** @enum {string} */
            code: "ReservedForOthers";
            /**
             * Format: uint32
             * @description GPUs that the user holds.
             */
            held: number;
        } | {
            /** @enum {string} */
            code: "NotEnoughGpus";
            /**
             * Format: uint32
             * @description That would do now.
             */
            free: number;
            /**
             * Format: uint32
             * @description That it asks for.
             */
            needed: number;
        } | {
            /** @enum {string} */
            code: "HeldForLargerTask";
        } | {
            /** @enum {string} */
            code: "BackingOff";
            /**
             * Format: date-time
             * @description When it is tried again, as far as the wall clock tells.
             */
            until: string;
        } | {
            /** @enum {string} */
            code: "RetryDelay";
            /**
             * Format: date-time
             * @description When it is tried again, as far as the wall clock tells.
             */
            until: string;
        } | {
            /** @enum {string} */
            code: "QueueBusy";
        } | {
            /** @enum {string} */
            code: "GpusUnreadable";
        } | {
            /** @enum {string} */
            code: "TooBusy";
        } | {
            /** @enum {string} */
            code: "NotIdleLongEnough";
        } | {
            /** @enum {string} */
            code: "BehindEarlierTask";
        } | {
            /** @enum {string} */
            code: "NotBefore";
            /**
             * Format: date-time
             * @description As it was asked for.
             */
            until: string;
        } | {
            /** @enum {string} */
            code: "WaitsForTasks";
            /** @description Their numbers. */
            tasks: components["schemas"]["i64"][];
        } | {
            /** @enum {string} */
            code: "NoScheduler";
        };
        /** @description When a failed attempt is tried again. */
        RetryConfig: {
            /**
             * @description Length of the back-off; the task holds no GPU meanwhile.
             * @default 600
             */
            backoff_duration: components["schemas"]["Seconds"];
            /**
             * Format: uint32
             * @description Retries of a task in all; then it has failed. (Optional key.)
             * @default 100
             */
            max_retries: number;
            /**
             * Format: uint32
             * @description Failed attempts in a row before a back-off, above 0.
             * @default 3
             */
            max_retry_before_backoff: number;
            /**
             * @description Wait before a retry that no back-off precedes. (Optional key.)
             * @default 5
             */
            retry_delay: components["schemas"]["Seconds"];
        };
        /** @description Every key of the rules. Memory is GiB, as in the file. */
        RulesAnswer: {
            /**
             * @description (Optional) a scheduler that died without being stopped is resumed by the daemon.
             * @default true
             */
            auto_resume: boolean;
            /**
             * @description (Optional) other people's processes rule a GPU out.
             * @default false
             */
            avoid_other_users: boolean;
            /**
             * @description (Optional) ad-hoc tasks behind one that waits may pass it where they fit, until its `hold_after`.
             * @default false
             */
            backfill: boolean;
            /**
             * @description How often a scheduler looks again at GPUs that it does not hold, above 0.
             * @default 3
             */
            check_time: components["schemas"]["Seconds"];
            /**
             * @description The indices to compete for.
             * @default []
             */
            compete_gpus: number[];
            /**
             * @description (Optional) where conda is; found by itself otherwise.
             * @default null
             */
            conda_base: string | null;
            /**
             * @description (Optional) given to every task.
             * @default {}
             */
            environment: {
                [key: string]: string;
            };
            /**
             * @description Command file of index 0, single.
             * @default command_gpu.txt
             */
            gpu_command_file: string;
            /**
             * Format: uint32
             * @description GPUs to leave for others.
             * @default 0
             */
            gpu_left: number;
            /**
             * @description Command file of index 0, multi.
             * @default command_gpus.txt
             */
            gpus_command_file: string;
            /** @default null */
            hold_after: components["schemas"]["Seconds"] | null;
            /**
             * @description (Optional) how long a GPU must have been free.
             * @default 0
             */
            idle_seconds: components["schemas"]["Seconds"];
            /**
             * Format: double
             * @description (Optional) MiB; smaller processes do not make a GPU taken.
             * @default 0
             */
            ignore_processes_below: number;
            /**
             * Format: uint32
             * @description … and at most so many.
             * @default 64
             */
            max_gpu: number;
            /**
             * Format: double
             * @description (Optional) percent; a busier GPU is no candidate.
             * @default 100
             */
            max_gpu_utilization: number;
            /**
             * @description false: one task of this user a GPU; true: pack.
             * @default false
             */
            maximize_resource_utilization: boolean;
            /**
             * Format: double
             * @description (Optional) GiB kept free besides what tasks ask.
             * @default 0
             */
            memory_headroom: number;
            /**
             * @description true: best fit; false: spread.
             * @default false
             */
            memory_save_mode: boolean;
            /**
             * Format: uint32
             * @description The user may hold at least so many…
             * @default 0
             */
            min_gpu: number;
            /**
             * @description (Optional) what a failed task means for its queue.
             * @default stop
             */
            on_failure: components["schemas"]["OnFailure"];
            /**
             * @description (Optional) order among equals.
             * @default []
             */
            prefer_gpus: number[];
            /**
             * @description Retries.
             * @default {
             *       "backoff_duration": 600,
             *       "max_retries": 100,
             *       "max_retry_before_backoff": 3,
             *       "retry_delay": 5
             *     }
             */
            retry_config: components["schemas"]["RetryConfig"];
            /**
             * @description (Optional) between SIGTERM and SIGKILL.
             * @default 30
             */
            stop_grace: components["schemas"]["Seconds"];
            /** @default null */
            task_timeout: components["schemas"]["Seconds"] | null;
            /**
             * @description true: every GPU found; false: only `compete_gpus`.
             * @default true
             */
            use_all_gpus: boolean;
            /**
             * @description Where commands run; `null`: the parent of the root folder. As written; resolved by the store.
             * @default null
             */
            work_dir: string | null;
        };
        /** @description The keys to change, the others stay. */
        RulesChange: {
            /** @description (Optional) a scheduler that died without being stopped is resumed by the daemon. */
            auto_resume?: boolean;
            /** @description (Optional) other people's processes rule a GPU out. */
            avoid_other_users?: boolean;
            /** @description (Optional) ad-hoc tasks behind one that waits may pass it where they fit, until its `hold_after`. */
            backfill?: boolean;
            /** @description How often a scheduler looks again at GPUs that it does not hold, above 0. */
            check_time?: components["schemas"]["Seconds"];
            /** @description The indices to compete for. */
            compete_gpus?: number[];
            /** @description (Optional) where conda is; found by itself otherwise. */
            conda_base?: string | null;
            /** @description (Optional) given to every task. */
            environment?: {
                [key: string]: string;
            };
            /** @description Command file of index 0, single. */
            gpu_command_file?: string;
            /**
             * Format: uint32
             * @description GPUs to leave for others.
             */
            gpu_left?: number;
            /** @description Command file of index 0, multi. */
            gpus_command_file?: string;
            hold_after?: components["schemas"]["Seconds"] | null;
            /** @description (Optional) how long a GPU must have been free. */
            idle_seconds?: components["schemas"]["Seconds"];
            /**
             * Format: double
             * @description (Optional) MiB; smaller processes do not make a GPU taken.
             */
            ignore_processes_below?: number;
            /**
             * Format: uint32
             * @description … and at most so many.
             */
            max_gpu?: number;
            /**
             * Format: double
             * @description (Optional) percent; a busier GPU is no candidate.
             */
            max_gpu_utilization?: number;
            /** @description false: one task of this user a GPU; true: pack. */
            maximize_resource_utilization?: boolean;
            /**
             * Format: double
             * @description (Optional) GiB kept free besides what tasks ask.
             */
            memory_headroom?: number;
            /** @description true: best fit; false: spread. */
            memory_save_mode?: boolean;
            /**
             * Format: uint32
             * @description The user may hold at least so many…
             */
            min_gpu?: number;
            /** @description (Optional) what a failed task means for its queue. */
            on_failure?: components["schemas"]["OnFailure"];
            /** @description (Optional) order among equals. */
            prefer_gpus?: number[];
            /** @description Retries. */
            retry_config?: components["schemas"]["RetryConfig"];
            /** @description (Optional) between SIGTERM and SIGKILL. */
            stop_grace?: components["schemas"]["Seconds"];
            task_timeout?: components["schemas"]["Seconds"] | null;
            /** @description true: every GPU found; false: only `compete_gpus`. */
            use_all_gpus?: boolean;
            /** @description Where commands run; `null`: the parent of the root folder. As written; resolved by the store. */
            work_dir?: string | null;
        };
        /** @description Answer of `POST /api/config/preview`: what the scheduler's own policy would decide now. */
        RulesPreview: {
            /**
             * Format: uint32
             * @description GPUs that this user may hold.
             */
            allowed: number;
            /**
             * Format: uint32
             * @description Competed GPUs with at least 1 GiB free, or held already.
             */
            available: number;
            /** @description Indices of the GPUs that the rules compete for and that are there. */
            competed: number[];
            /** @description One entry a command file that runs, or that has something to run; running ones first. */
            configs: components["schemas"]["ConfigPreview"][];
            /** @description The rules as they would be. */
            data: components["schemas"]["RulesAnswer"];
            /**
             * Format: uint32
             * @description GPUs that this user holds now.
             */
            held: number;
            /** @description Why nothing can be told: no GPU is there, or they cannot be read. `null` when all is well. */
            message: string | null;
            /** @description What is odd about the rules, and no error. */
            warnings: string[];
            /** @description GPUs on which a task of any size would find room now, best first: what the next task of one GPU would take. */
            would_take: components["schemas"]["GpuRef"][];
        };
        /** @description Answer of `PUT /api/config`. */
        RulesSaved: {
            /** @description The rules as they are now. */
            data: components["schemas"]["RulesAnswer"];
            /** @description Changed keys that running schedulers do not follow: they take effect at a scheduler's next start. */
            requires_restart: string[];
            /** @description `success`; a refused change is an error answer. */
            status: string;
            /** @description What is odd about the changed keys, and no error. */
            warnings: string[];
        };
        /** @description One life of a scheduler. Serialised, it is the state file (SPEC 7). */
        Run: {
            /** @description The boot that `Mono` values in here belong to. */
            boot_id: string;
            /** @description What the last decision said of those who wait, by kind of demand. */
            class_reasons?: components["schemas"]["ClassReason"][];
            /**
             * Format: uint32
             * @description Completed, skipped.
             */
            completed_tasks: number;
            /** @description The command file, absolute. */
            config_file: string;
            /**
             * Format: uint32
             * @description From 0.
             */
            config_index: number;
            /**
             * Format: uint32
             * @description Failed.
             */
            failed_tasks: number;
            /**
             * Format: date-time
             * @description When it ended.
             */
            finished_at: string | null;
            /**
             * Format: uint64
             * @description Number of the journal that goes on from here.
             */
            generation: number;
            /** @description GPU index → queue. */
            gpu_assignments: {
                [key: string]: components["schemas"]["QueueId"];
            };
            /** @description GPU index → queues, with packing. */
            gpu_assignments_all?: {
                [key: string]: components["schemas"]["QueueId"][];
            };
            /** @description Indices of the GPUs that the rules compete for, as last seen. */
            gpus_available: number[];
            /** @description Indices of the GPUs that its tasks hold. */
            gpus_used: number[];
            /** @description Heads of whom it said something else than of their kind. */
            head_reasons?: [
                string,
                {
                    /** @enum {string} */
                    code: "NoGpuMatches";
                } | {
                    /** @description The most that is to be had on one GPU now, promised memory and headroom taken off. */
                    best_free: components["schemas"]["Bytes"];
                    /** @enum {string} */
                    code: "NotEnoughMemory";
                } | {
                    /** @enum {string} */
                    code: "GpuHeldByOwnTask";
                } | {
                    /** @enum {string} */
                    code: "GpuHasOwnProcess";
                } | {
                    /**
                     * Format: uint32
                     * @description GPUs that the user may hold.
                     */
                    allowed: number;
                    /** @enum {string} */
                    code: "ReservedForOthers";
                    /**
                     * Format: uint32
                     * @description GPUs that the user holds.
                     */
                    held: number;
                } | {
                    /** @enum {string} */
                    code: "NotEnoughGpus";
                    /**
                     * Format: uint32
                     * @description That would do now.
                     */
                    free: number;
                    /**
                     * Format: uint32
                     * @description That it asks for.
                     */
                    needed: number;
                } | {
                    /** @enum {string} */
                    code: "HeldForLargerTask";
                } | {
                    /** @enum {string} */
                    code: "BackingOff";
                    /**
                     * Format: date-time
                     * @description When it is tried again, as far as the wall clock tells.
                     */
                    until: string;
                } | {
                    /** @enum {string} */
                    code: "RetryDelay";
                    /**
                     * Format: date-time
                     * @description When it is tried again, as far as the wall clock tells.
                     */
                    until: string;
                } | {
                    /** @enum {string} */
                    code: "QueueBusy";
                } | {
                    /** @enum {string} */
                    code: "GpusUnreadable";
                } | {
                    /** @enum {string} */
                    code: "TooBusy";
                } | {
                    /** @enum {string} */
                    code: "NotIdleLongEnough";
                } | {
                    /** @enum {string} */
                    code: "BehindEarlierTask";
                } | {
                    /** @enum {string} */
                    code: "NotBefore";
                    /**
                     * Format: date-time
                     * @description As it was asked for.
                     */
                    until: string;
                } | {
                    /** @enum {string} */
                    code: "WaitsForTasks";
                    /** @description Their numbers. */
                    tasks: components["schemas"]["i64"][];
                } | {
                    /** @enum {string} */
                    code: "NoScheduler";
                }
            ][];
            /** @description The last thing that went wrong with the run itself (rules that cannot be read, say). */
            last_error: string | null;
            /** @description Single or multi. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: uint64
             * @description Number of the next new task; ids are `{seed}-{number}`.
             */
            next_task: number;
            /** @description The machine. */
            node: components["schemas"]["Node"];
            /** @description What a failed task means for its queue. */
            on_failure: components["schemas"]["OnFailure"];
            /** @description Whose run it is. */
            owner: components["schemas"]["Owner"];
            /**
             * Format: uint32
             * @description Pending, retrying.
             */
            pending_tasks: number;
            /**
             * Format: int32
             * @description The scheduler's pid, while `state` says that one lives.
             */
            pid: number;
            /** @description Its queues by id. */
            queues: {
                [key: string]: components["schemas"]["Queue"];
            };
            /** @description Retry rules in force. */
            retry: components["schemas"]["RetryConfig"];
            /** @description Its id. */
            run_id: components["schemas"]["RunId"];
            /**
             * Format: uint32
             * @description At work.
             */
            running_tasks: number;
            scheduler: components["schemas"]["ProcessIdentity"] | null;
            /**
             * Format: uint64
             * @description Events applied so far.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When the run began.
             */
            started_at: string;
            /** @description Where it stands. */
            state: components["schemas"]["RunState"];
            /** @description First part of task ids, random. */
            task_seed: string;
            /**
             * Format: uint32
             * @description Tasks in all.
             */
            total_tasks: number;
            /**
             * Format: uint32
             * @description `STATE_VERSION`.
             */
            version: number;
            /** @description What is odd and does not stop the run, by subject: `command_file`, `rules`, `gpus`. */
            warnings?: {
                [key: string]: string[];
            };
        };
        /** @description Answer of deleting a run: its record and its logs are gone. */
        RunDeleted: {
            /** @description In words. */
            message: string;
            /** @description True; a refused deletion is an error answer. */
            success: boolean;
        };
        /** @description One life of a scheduler, through crashes and resumes. */
        RunId: string;
        /**
         * @description Where a run stands.
         * @enum {string}
         */
        RunState: "starting" | "running" | "draining" | "stopping" | "completed" | "failed" | "stopped" | "interrupted";
        /** @description Answer of `GET /api/scheduler/running`. */
        RunningSchedulers: {
            /** @description The runs whose schedulers live, in detail. */
            schedulers: components["schemas"]["Run"][];
        };
        /** @description Answer of `GET /api/scheduler/runs`. */
        Runs: {
            /** @description Newest first, without their tasks: `/api/scheduler/runs/{run_id}` has those. */
            runs: components["schemas"]["Run"][];
        };
        /** @description Answer of `GET /api/gpu/state`. */
        SamplerReport: {
            age: components["schemas"]["Seconds"] | null;
            /**
             * Format: date-time
             * @description Since when readings have failed.
             */
            failing_since: string | null;
            /** @description Time between two samples. */
            interval: components["schemas"]["Seconds"];
            /** @description Why the last reading failed; `null` when it succeeded. */
            last_error: string | null;
            /**
             * Format: date-time
             * @description When the last good sample was taken.
             */
            last_sample: string | null;
            /**
             * Format: uint64
             * @description Readings so far.
             */
            readings: number;
            /** @description `nvml`, `simulated`, … */
            source: string;
        };
        /** @description Whether a command file's scheduler runs. */
        SchedulerState: {
            /**
             * Format: int32
             * @description It.
             */
            pid: number | null;
            /** @description The very process that is named lives. */
            running: boolean;
        };
        /** @description Answer of `GET /api/scheduler/state`: by mode, by index. */
        SchedulerStates: {
            /** @description Multi. */
            multi: {
                [key: string]: components["schemas"]["SchedulerState"];
            };
            /** @description Single. */
            single: {
                [key: string]: components["schemas"]["SchedulerState"];
            };
        };
        /**
         * Format: double
         * @description A length of time in seconds, as it stands in rules.
         */
        Seconds: number;
        /** @description One setting. */
        Setting: {
            /** @description What it is. */
            description: string;
            /** @description Whether the daemon runs with another value than the file has: it waits for a restart. */
            pending: boolean;
            /** @description Whether a change takes effect at the daemon's next start only. */
            requires_restart: boolean;
            /**
             * @description What the file says, or what its absence means. A secret is never sent: it is `null`, and an empty text where
             *     there is none.
             */
            value: unknown;
            /** @description What to mind before it is changed. */
            warning: string | null;
        };
        /** @description Answer of `GET /api/settings`: every key, in the spelling of the file. */
        SettingsAnswer: {
            [key: string]: components["schemas"]["Setting"];
        };
        /** @description The keys to change, the others stay. */
        SettingsChange: {
            /** @description (Optional) without a secret, let others than this user in as well. */
            "allow-anonymous"?: boolean;
            /** @description false: loopback, whatever `bind-address` says. */
            "allow-lan"?: boolean;
            /** @description Address to listen on. */
            "bind-address"?: string;
            /** @description (Optional) where the database is when the root lies on a network file system. */
            "data-dir"?: string | null;
            /** @description (Optional) seconds between two samples of the daemon. */
            "gpu-interval"?: components["schemas"]["Seconds"];
            /** @description (Optional) `auto`, `nvml`, `simulated:4x24GiB`, … */
            "gpu-source"?: string;
            /**
             * Format: double
             * @description (Optional) task logs of ended runs are kept so long; `null`: as long as their run.
             */
            "keep-logs-days"?: number | null;
            /**
             * Format: uint32
             * @description (Optional) ended runs kept for each command file.
             */
            "keep-runs"?: number;
            /** @description (Optional) `en` or `zh`: the language of logs and of answers to callers who name none. */
            language?: string | null;
            /** @description Where the daemon's and schedulers' logs are, relative to the root. */
            "log-dir"?: string;
            /** @description `debug`, `info`, `warning`, `error` or `critical`. */
            "log-level"?: string;
            /** @description (Optional) folders whose logs may be read besides the owner's own. */
            "log-roots"?: string[];
            /**
             * Format: uint16
             * @description Wished for; the next free one is taken when it is in use.
             */
            port?: number;
            /** @description The key to everything. Empty: no authentication. */
            secret?: string;
            /**
             * Format: double
             * @description (Optional) how long a login lasts.
             */
            "session-hours"?: number;
            /** @description The rules file, relative to the settings file. */
            "target-yaml-path"?: string;
            /** @description (Optional) certificate chain, PEM. */
            "tls-cert"?: string | null;
            /** @description (Optional) private key, PEM. */
            "tls-key"?: string | null;
            /** @description (Optional) names that `Host` may carry besides the machine's own. */
            "trusted-hosts"?: string[];
        };
        /** @description Answer of `PUT /api/settings`. */
        SettingsSaved: {
            /** @description In words. */
            message: string;
            /** @description Changed keys that take effect at the daemon's next start only. */
            requires_restart: string[];
            /** @description What to mind about the changed keys. */
            warnings: string[];
        };
        /**
         * @description How much a finding matters.
         * @enum {string}
         */
        Severity: "error" | "warning";
        /** @description A reason as people and programs see it: code, figures, text. */
        ShownReason: components["schemas"]["Reason"] & {
            /** @description In words. */
            text: string;
        };
        /** @description Answer of a start: the run's first state is on disk. */
        StartAnswer: {
            /** @description The command file that it runs. */
            config_file: string;
            /** @description Its own log. */
            log_file: string;
            /** @description In words. */
            message: string;
            /**
             * Format: int32
             * @description The scheduler's pid.
             */
            pid: number;
            /** @description The run that it works on. */
            run_id: components["schemas"]["RunId"];
            /** @description True; a failed start is an error answer. */
            success: boolean;
        };
        /** @description Body of `POST /api/scheduler/{mode}/start`; no body asks for a fresh run. */
        StartRequest: {
            /** @description Go on with the last run: finished tasks stay finished. */
            resume?: boolean;
        };
        /** @description Answer of a stop: the scheduler has been told, and has written it down. */
        StopAnswer: {
            /** @description In words. */
            message: string;
            /**
             * Format: int32
             * @description The scheduler's pid.
             */
            pid: number;
            /** @description True; a failed stop is an error answer. */
            success: boolean;
        };
        /** @description Body of a stop; no body ends the running tasks. */
        StopRequest: {
            /** @description Leave them running; the next start takes them back. */
            detach?: boolean;
            /** @description Let running tasks finish, start none. */
            drain?: boolean;
        };
        /** @description One task of a run ("process" in the API, as in the seed). */
        Task: {
            /**
             * Format: uint32
             * @description Attempts begun so far.
             */
            attempt: number;
            /** @description As they stand in the command file, placeholders not replaced. */
            commands: string[];
            /**
             * Format: uint32
             * @description First of `gpus`.
             */
            current_gpu: number | null;
            /**
             * Format: int32
             * @description Exit code of its last attempt.
             */
            exit_code: number | null;
            /**
             * Format: uint32
             * @description Failed attempts since the last back-off.
             */
            failures_in_row?: number;
            /**
             * Format: date-time
             * @description End of its last attempt.
             */
            finished_at: string | null;
            gate: components["schemas"]["Gate"] | null;
            /**
             * Format: uint32
             * @description GPUs it asks for.
             */
            gpu_count: number;
            /** @description The same with their identities. */
            gpu_refs?: components["schemas"]["GpuRef"][];
            /** @description Indices of the GPUs it runs on. */
            gpus: number[];
            /**
             * Format: uint32
             * @description Place in its queue, from 0.
             */
            index: number;
            /** @description Why its last attempt failed. */
            last_error: string | null;
            live: components["schemas"]["LiveAttempt"] | null;
            /** @description Log of its last attempt, below the root. */
            log_path: string | null;
            /**
             * Format: double
             * @description GiB on each GPU.
             */
            memory_gb: number;
            peak_memory: components["schemas"]["Bytes"] | null;
            reason: components["schemas"]["ShownReason"] | null;
            /** @description Its block is no longer in the command file; it runs on. */
            removed?: boolean;
            /**
             * Format: uint32
             * @description Retries so far, of those that `max_retries` allows.
             */
            retry_count: number;
            /**
             * Format: int32
             * @description Signal that ended its last attempt.
             */
            signal: number | null;
            /**
             * Format: date-time
             * @description Start of its last attempt.
             */
            started_at: string | null;
            /** @description Where it stands. */
            state: components["schemas"]["TaskState"];
            taken_over_by: components["schemas"]["RunId"] | null;
            /** @description Stable through edits. */
            task_id: components["schemas"]["TaskId"];
            waiting_since: components["schemas"]["Mono"] | null;
        };
        /** @description Answer of an action on one task: the change is on disk. */
        TaskAnswer: {
            /** @description In words. */
            message: string;
            /** @description True; a refused action is an error answer. */
            success: boolean;
        };
        /** @description A task's stable id: it stays with the task through every edit of its command file. */
        TaskId: string;
        /** @description The task behind a process. A task of this root can be stopped here; one of another root is told for what it is. */
        TaskRef: {
            /**
             * Format: uint32
             * @description From 0; `null` for an ad-hoc task.
             */
            config_index: number | null;
            mode: components["schemas"]["Mode"] | null;
            /** @description The user of that gpuyard; `null`: the daemon's own. */
            owner: string | null;
            /**
             * Format: uint32
             * @description Its place in the queue, from 0; `null` where the queue is.
             */
            process_index: number | null;
            queue_id: components["schemas"]["QueueId"] | null;
            /** @description The root folder of the gpuyard that it belongs to; `null`: this one. */
            root: string | null;
            /** @description Its run. */
            run_id: components["schemas"]["RunId"];
            /** @description The task. */
            task_id: components["schemas"]["TaskId"];
            /** @description The attempt. */
            uni_id: components["schemas"]["UniId"];
        };
        /** @description Body of an action on one task; only `move` needs one. */
        TaskRequest: {
            /**
             * Format: uint32
             * @description With `move`: its new place in its queue, from 0.
             */
            to?: number | null;
        };
        /**
         * @description Where a task stands.
         * @enum {string}
         */
        TaskState: "pending" | "running" | "retrying" | "completed" | "failed" | "stopped" | "skipped";
        /** @description The session of a terminal multiplexer that a process was started in. */
        Terminal: {
            /** @description What its owner types to look into it; `null` where the session is not known. */
            attach: string | null;
            /** @description Which. */
            kind: components["schemas"]["TerminalKind"];
            /** @description tmux: the pane (`%7`). */
            pane: string | null;
            /**
             * Format: int32
             * @description Its server, which lives.
             */
            server_pid: number;
            /** @description How it calls the session (tmux: `$3`, screen: `12345.train`); `null` where the process's environment may not be read. */
            session: string | null;
        };
        /**
         * @description A terminal multiplexer.
         * @enum {string}
         */
        TerminalKind: "tmux" | "screen";
        /** @description One attempt's id, unique on every host and for ever: what `{uni_id}` becomes, and the key in `GPUYARD_UNI_ID`. */
        UniId: string;
        /** @description How much of something is in use. */
        Usage: {
            /** @description Free. */
            free: components["schemas"]["Bytes"];
            /** @description For people. */
            free_human: string;
            percent: components["schemas"]["Percent"] | null;
            /** @description In all. */
            total: components["schemas"]["Bytes"];
            /** @description For people. */
            total_human: string;
            /** @description In use. */
            used: components["schemas"]["Bytes"];
            /** @description For people. */
            used_human: string;
        };
        /** @description How busy a GPU is. */
        Utilization: {
            gpu: components["schemas"]["Percent"] | null;
            memory: components["schemas"]["Percent"] | null;
        };
        /**
         * @description Who made a GPU; decides which environment variable hides the others.
         * @enum {string}
         */
        Vendor: "nvidia" | "amd" | "intel" | "simulated";
        /** Format: int64 */
        i64: number;
    };
    responses: {
        /** @description The body is not JSON, or the request cannot be understood. */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description Not possible in the state that things are in. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description A daemon without a secret: another user, or a page of another origin. */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description What was sent makes no sense; `errors` says which field and why. */
        Invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description There is no such thing. */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description Too many wrong tries from this address; `Retry-After` says how long to wait. */
        SlowDown: {
            headers: {
                /** @description Seconds. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The body is larger than 1 MiB. */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description No secret, a wrong one, or a login that has ended. */
        Unauthorized: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description It was not answered in time, or whom it needs does not answer. */
        Unavailable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description This machine does not know itself by the name in `Host`; see `trusted-hosts`. */
        WrongHost: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    auth_check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthCheck"];
                };
            };
            421: components["responses"]["WrongHost"];
            503: components["responses"]["Unavailable"];
        };
    };
    auth_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description The secret is wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            503: components["responses"]["Unavailable"];
        };
    };
    auth_logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogoutAnswer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_config: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description The file's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandConfig"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The file cannot be read; the answer names the line. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_save_config: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandConfigUpdate"];
            };
        };
        responses: {
            200: {
                headers: {
                    /** @description The file's new version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandSaved"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Somebody else has changed the file, or it cannot be read. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_all: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandFiles"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_list: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandFileList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_create: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandCreated"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_reset: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description The file's new version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandSaved"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description There is no such command file, or nothing before it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description Somebody else has changed the file, or it cannot be read. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_text: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description The file's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandText"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The file cannot be read; the answer names the line. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_save_text: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandTextUpdate"];
            };
        };
        responses: {
            200: {
                headers: {
                    /** @description The text's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandTextSaved"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Somebody else has changed the file, or it cannot be written. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_versions: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandVersions"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_version: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
                /** @description The version, by its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandVersionText"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    commands_delete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
                /** @description Index of the command file, above 0. */
                config_index: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandDeleted"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Its scheduler runs, it is index 0, or somebody else has changed it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    config: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description The file's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RulesAnswer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description The rules file cannot be read; the answer names the line. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    config_change: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RulesChange"];
            };
        };
        responses: {
            200: {
                headers: {
                    /** @description The file's new version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RulesSaved"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Somebody else has changed the rules, or the file cannot be read or edited. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    config_preview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RulesChange"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RulesPreview"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description The rules file, which the change builds on, cannot be read. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    events: {
        parameters: {
            query: {
                /** @description Names of topics, with commas between them: `gpu,schedulers`. */
                topics: string;
                /** @description Least seconds between two messages of a topic, 0.5 to 60. */
                rate?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Messages as in docs/API-LIVE.md: `event` is its `op`, `data` the message. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description There is no such topic. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            /** @description Too many live connections, or too many wrong tries. */
            429: {
                headers: {
                    /** @description Seconds. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_report: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GpuReport"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_history: {
        parameters: {
            query?: {
                /** @description Minutes, up to 60. */
                minutes?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GpuHistory"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_leases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"][];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_processes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GpuProcesses"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_kill: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KillRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpu_state: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SamplerReport"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    gpus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GpuSeat"][];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            421: components["responses"]["WrongHost"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_bind: {
        parameters: {
            query: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index: number;
                /** @description The queue. */
                queue_id: number;
                /** @description The task's place in its queue, from 0. */
                process_index: number;
                /** @description The log, absolute. The file may not be there yet. */
                log_path: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogBound"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such command file. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_unbind: {
        parameters: {
            query: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index: number;
                /** @description The queue. */
                queue_id: number;
                /** @description The task's place in its queue, from 0. */
                process_index: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogBound"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Nothing is bound there. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_bindings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BTreeMap"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_content: {
        parameters: {
            query?: {
                /** @description A task's id; of an ad-hoc task its number. */
                task?: string;
                /** @description `single` or `multi`. */
                mode?: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index?: number;
                /** @description The queue. Without it, the scheduler's own log is meant. */
                queue_id?: number;
                /** @description The task's place in its queue, from 0. */
                process_index?: number;
                /** @description Another run than the newest. */
                run_id?: string;
                /** @description One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is. */
                attempt?: number;
                /** @description The log of the last attempt, although another one is bound. */
                own?: boolean;
                /** @description A log by its path, absolute. */
                path?: string;
                /** @description The last lines, so many (100 where nothing is asked for). */
                tail_lines?: number;
                /** @description From this line on, from 1. */
                line?: number;
                /** @description So many lines: from `line`, from `offset`, or before `before`. */
                count?: number;
                /** @description From this byte on. */
                offset?: number;
                /** @description Lines that end at this byte or before: the page above. */
                before?: number;
                /** @description So many bytes at most. */
                limit?: number;
                /** @description `text` (the bytes as text, in `content`) or `lines` (each line as a terminal shows it, in `lines`). */
                form?: "text" | "lines";
                /** @description How its bytes are read: `utf-8`, `gbk`, … Without it: UTF-8, or GBK where they are none and look like that. */
                encoding?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogContent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such task, or its log is not there yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            /** @description The line lies beyond what is counted (`indexing`): ask again. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
    log_download: {
        parameters: {
            query?: {
                /** @description A task's id; of an ad-hoc task its number. */
                task?: string;
                /** @description `single` or `multi`. */
                mode?: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index?: number;
                /** @description The queue. Without it, the scheduler's own log is meant. */
                queue_id?: number;
                /** @description The task's place in its queue, from 0. */
                process_index?: number;
                /** @description Another run than the newest. */
                run_id?: string;
                /** @description One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is. */
                attempt?: number;
                /** @description The log of the last attempt, although another one is bound. */
                own?: boolean;
                /** @description A log by its path, absolute. */
                path?: string;
                /** @description From this byte on. */
                offset?: number;
                /** @description So many bytes; without it, all that there are. */
                limit?: number;
                /** @description In place of the header and of all other parameters: what `POST` gave. Good once, for a minute. */
                ticket?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such task, or its log is not there yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_ticket: {
        parameters: {
            query?: {
                /** @description A task's id; of an ad-hoc task its number. */
                task?: string;
                /** @description `single` or `multi`. */
                mode?: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index?: number;
                /** @description The queue. Without it, the scheduler's own log is meant. */
                queue_id?: number;
                /** @description The task's place in its queue, from 0. */
                process_index?: number;
                /** @description Another run than the newest. */
                run_id?: string;
                /** @description One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is. */
                attempt?: number;
                /** @description The log of the last attempt, although another one is bound. */
                own?: boolean;
                /** @description A log by its path, absolute. */
                path?: string;
                /** @description From this byte on. */
                offset?: number;
                /** @description So many bytes; without it, all that there are. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogTicket"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such task, or its log is not there yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_read: {
        parameters: {
            query: {
                /** @description The log, absolute. */
                log_path: string;
                /** @description The last lines, so many (100 where nothing is asked for). */
                tail_lines?: number;
                /** @description From this line on, from 1. */
                line?: number;
                /** @description So many lines: from `line`, from `offset`, or before `before`. */
                count?: number;
                /** @description From this byte on. */
                offset?: number;
                /** @description Lines that end at this byte or before: the page above. */
                before?: number;
                /** @description So many bytes at most. */
                limit?: number;
                /** @description `text` (the bytes as text, in `content`) or `lines` (each line as a terminal shows it, in `lines`). */
                form?: "text" | "lines";
                /** @description How its bytes are read: `utf-8`, `gbk`, … Without it: UTF-8, or GBK where they are none and look like that. */
                encoding?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogContent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description Nothing is there, or not yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            /** @description The line lies beyond what is counted (`indexing`): ask again. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
    log_search: {
        parameters: {
            query: {
                /** @description A task's id; of an ad-hoc task its number. */
                task?: string;
                /** @description `single` or `multi`. */
                mode?: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index?: number;
                /** @description The queue. Without it, the scheduler's own log is meant. */
                queue_id?: number;
                /** @description The task's place in its queue, from 0. */
                process_index?: number;
                /** @description Another run than the newest. */
                run_id?: string;
                /** @description One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is. */
                attempt?: number;
                /** @description The log of the last attempt, although another one is bound. */
                own?: boolean;
                /** @description A log by its path, absolute. */
                path?: string;
                /** @description The text. */
                q: string;
                /** @description It is a regular expression (Rust's: no look-around, no back-references). */
                regex?: boolean;
                /** @description Upper and lower case are told apart. */
                case?: boolean;
                /** @description Hits that are sent (1000); those beyond are counted only. */
                limit?: number;
                /** @description So many lines before and after each hit, 20 at most. */
                context?: number;
                /** @description From this byte on; it should be where a line begins. */
                offset?: number;
                /** @description Up to this byte; without it, to the end as it is now. */
                until?: number;
                /** @description How its bytes are read: `utf-8`, `gbk`, … */
                encoding?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["LogSearchEvent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such task, or its log is not there yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    log_stream: {
        parameters: {
            query?: {
                /** @description A task's id; of an ad-hoc task its number. */
                task?: string;
                /** @description `single` or `multi`. */
                mode?: components["schemas"]["Mode"];
                /** @description Index of the command file, from 0. */
                config_index?: number;
                /** @description The queue. Without it, the scheduler's own log is meant. */
                queue_id?: number;
                /** @description The task's place in its queue, from 0. */
                process_index?: number;
                /** @description Another run than the newest. */
                run_id?: string;
                /** @description One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is. */
                attempt?: number;
                /** @description The log of the last attempt, although another one is bound. */
                own?: boolean;
                /** @description A log by its path, absolute. */
                path?: string;
                /** @description The last lines first, so many (10 where nothing is said). */
                tail_lines?: number;
                /** @description From this byte on. */
                offset?: number;
                /** @description How its bytes are read: `utf-8`, `gbk`, … */
                encoding?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["LogStreamEvent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description It is no log, or another user's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description There is no such task, or it has no log yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description What stands there is a link, a folder, a pipe: no plain file. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            /** @description Too many logs are followed. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_running: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunningSchedulers"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_runs: {
        parameters: {
            query?: {
                /** @description Those of this mode. */
                mode?: components["schemas"]["Mode"];
                /** @description Those of this command file. */
                config_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Runs"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The run. */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_delete_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The run. */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunDeleted"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Its scheduler runs, a task that it started is still at work, or it is another machine's. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_states: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SchedulerStates"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_stop_pid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The scheduler's pid. */
                pid: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopRequest"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StopAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description The process is not a scheduler of this root. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description It refuses. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task. */
                task_id: string;
                /** @description `retry`, `skip`, `stop` or `move`. */
                action: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TaskRequest"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Its scheduler does not run, or refuses. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_start: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StartRequest"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It runs already. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_state: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SchedulerState"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    scheduler_stop: {
        parameters: {
            query?: {
                /** @description Index of the command file, from 0. */
                config_index?: number;
            };
            header?: never;
            path: {
                /** @description `single` or `multi`. */
                mode: components["schemas"]["Mode"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopRequest"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StopAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It does not run, or refuses. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description The file's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettingsAnswer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description The settings file cannot be read; the answer names the line. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    settings_change: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what was read. If something else stands there by now, nothing is written. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettingsChange"];
            };
        };
        responses: {
            200: {
                headers: {
                    /** @description The file's new version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettingsSaved"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Somebody else has changed the settings, or the file cannot be read or edited. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_list: {
        parameters: {
            query?: {
                /** @description Those that stand there; several with commas between: `queued,running`. */
                status?: string;
                /** @description Those with this in name, command, tags or maker, or with this number. */
                q?: string;
                /** @description Those with this tag. */
                tag?: string;
                /** @description So many at most (50). */
                limit?: number;
                /** @description The `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocPage"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_make: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAdhocTask"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocMade"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_prune: {
        parameters: {
            query: {
                /** @description Those that ended before this moment (RFC 3339). */
                finished_before: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocPruned"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_cancel_many: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AdhocIds"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocCancelled"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocTask"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_change: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AdhocChange"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocTask"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It no longer waits. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            413: components["responses"]["TooLarge"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocCancelled"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It is over. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_clone: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewAdhocTask"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_logs: {
        parameters: {
            query?: {
                /** @description The last lines, so many (100). */
                tail?: number;
                /** @description Another attempt than the last. */
                attempt?: number;
            };
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdhocLog"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasks_log_stream: {
        parameters: {
            query?: {
                /** @description The last lines, so many (100). */
                tail?: number;
                /** @description Another attempt than the last. */
                attempt?: number;
            };
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["LogStreamEvent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["WrongHost"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["SlowDown"];
            /** @description Too many logs are followed. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
    tasks_retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task's number. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskAnswer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It is not over. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
    ws_socket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket; its messages are in docs/API-LIVE.md. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description This is no WebSocket handshake. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["WrongHost"];
            429: components["responses"]["SlowDown"];
            503: components["responses"]["Unavailable"];
        };
    };
}
