//! Members that each format knows, none of which anybody has cause to change, in odd spellings. `$` is where any value may stand.

pub(super) const CHAT: &[&str] = &[
    r#""messages":[{"role":"user","content":"caf\u00e9 \/ 🦀","x":$}]"#,
    r#""messages" : [{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1e3}"},"x":$}]},{"role":"tool","tool_call_id":"call_1","content":"21"}]"#,
    r#""m\u0065ssages":[ ]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":$}}]"#,
    r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
    r#""parallel_tool_calls":false"#,
    r#""temperature":1.50e-1"#,
    r#""top_p":0.90"#,
    r#""max_tokens":1.6E+1"#,
    r#""max_completion_tokens":16"#,
    r#""stop":["\u0041",$]"#,
    r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":$}}"#,
    r#""reasoning_effort":"low""#,
    r#""stream_options":{"include_usage":true,"x":$}"#,
    r#""logit_bias":{"1":-1.0E2,"1":-100}"#,
    r#""seed":12345678901234567890123"#,
    r#""metadata":$"#,
];

pub(super) const RESPONSES: &[&str] = &[
    r#""input":"h\u0069""#,
    r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"caf\u00e9","x":$}]}]"#,
    r#""input" : [{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA=="},{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"a\": 1e3}","x":$},{"type":"function_call_output","call_id":"call_1","output":"21"}]"#,
    r#""instructions":"Be \"brief\".""#,
    r#""tools":[{"type":"function","name":"f","parameters":$}]"#,
    r#""tool_choice":"auto""#,
    r#""temperature":1.50e-1"#,
    r#""max_output_tokens":1.6E+1"#,
    r#""text":{"format":{"type":"json_schema","name":"n","schema":$}}"#,
    r#""reasoning":{"effort":"low","x":$}"#,
    r#""include":["reasoning.encrypted_content"]"#,
    r#""store":false"#,
    r#""truncation":"auto""#,
    r#""metadata":$"#,
];

pub(super) const ANTHROPIC: &[&str] = &[
    r#""messages":[{"role":"user","content":[{"type":"text","text":"caf\u00e9","cache_control":{"type":"ephemeral"},"x":$}]}]"#,
    r#""messages" : [{"role":"assistant","content":[{"type":"thinking","thinking":"Where?","signature":"Eq+/x=="},{"type":"tool_use","id":"toolu_01","name":"f","input":$}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01","content":"21"}]}]"#,
    r#""m\u0065ssages":[ ]"#,
    r#""max_tokens":1.6E+1"#,
    r#""system":[{"type":"text","text":"\u0042","x":$}]"#,
    r#""thinking":{"type":"enabled","budget_tokens":1024}"#,
    r#""output_config":{"effort":"low","x":$}"#,
    r#""tools":[{"name":"f","input_schema":$}]"#,
    r#""tool_choice":{"type":"any","disable_parallel_tool_use":true}"#,
    r#""temperature":1.0"#,
    r#""top_k":4e1"#,
    r#""stop_sequences":["\n"]"#,
    r#""metadata":{"user_id":"u","x":$}"#,
];

pub(super) const GEMINI: &[&str] = &[
    r#""contents":[{"role":"user","parts":[{"text":"caf\u00e9","x":$}]}]"#,
    r#""contents" : [{"role":"model","parts":[{"text":"Where?","thought":true},{"functionCall":{"id":"1","name":"f","args":$},"thoughtSignature":"CpcBAdHtim+/=="}]},{"role":"user","parts":[{"functionResponse":{"id":"1","name":"f","response":$}}]}]"#,
    r#""systemInstruction":{"parts":[{"text":"\u0042"}]}"#,
    r#""system_instruction":{"parts":{"text":"\u0042"}}"#,
    r#""generationConfig":{"temperature":1.50e-1,"topK":4e1,"maxOutputTokens":16,"thinkingConfig":{"thinkingBudget":-1},"x":$}"#,
    r#""generation_config":{"response_mime_type":"application\/json"}"#,
    r#""tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":$}]},{"googleSearch":{}}]"#,
    r#""toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#,
    r#""safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]"#,
    r#""labels":$"#,
];

pub(super) const BEDROCK: &[&str] = &[
    r#""messages":[{"role":"user","content":[{"text":"caf\u00e9"},{"cachePoint":{"type":"default"},"x":$}]}]"#,
    r#""messages" : [{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Where?","signature":"Eq+/x=="}}},{"toolUse":{"toolUseId":"tooluse_1","name":"f","input":$}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"tooluse_1","content":[{"json":$}]}}]}]"#,
    r#""m\u0065ssages":[ ]"#,
    r#""system":[{"text":"\u0042"}]"#,
    r#""inferenceConfig":{"temperature":1.50e-1,"maxTokens":1.6E+1,"x":$}"#,
    r#""toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":$}}}],"toolChoice":{"auto":{}}}"#,
    r#""additionalModelRequestFields":$"#,
    r#""additionalModelResponseFieldPaths":["\/stop_sequence"]"#,
    r#""requestMetadata":{"a":"b"}"#,
    r#""performanceConfig":{"latency":"standard"}"#,
];

pub(super) const COHERE: &[&str] = &[
    r#""messages":[{"role":"user","content":"caf\u00e9 \/ 🦀","x":$}]"#,
    r#""messages" : [{"role":"assistant","tool_plan":"Look.","tool_calls":[{"id":"f_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1e3}"}}]},{"role":"tool","tool_call_id":"f_1","content":[{"type":"document","document":{"data":$}}]}]"#,
    r#""m\u0065ssages":[ ]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":$}}]"#,
    r#""documents":[$,"\u0042"]"#,
    r#""response_format":{"type":"json_object","json_schema":$}"#,
    r#""thinking":{"type":"enabled","token_budget":1024}"#,
    r#""temperature":1.50e-1"#,
    r#""p":0.90"#,
    r#""k":4e1"#,
    r#""max_tokens":1.6E+1"#,
    r#""citation_options":{"mode":"ACCURATE","x":$}"#,
    r#""safety_mode":"OFF""#,
];
